package org.flatsnap.store;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;

/**
 * A rollback that is decided: everything is staged, what remains is renames that can be repeated. It stands on every store
 * that takes part; the copy on {@link #primary()} counts.
 *
 * @param operation the request, which is also what its disks were staged for
 * @param node the host that decided it
 * @param vm whose disks are swapped; it must not start while the intent stands
 * @param target the snapshot rolled back to
 * @param guard the snapshot of the state before; empty if none of the files to be replaced existed
 * @param swaps the staged disks, never empty
 * @param firmware the absolute path of the NVRAM, if the target's is put there
 * @param definition the definition to restore, empty if it stays
 * @param start whether the VM ran and is to be started afterwards
 */
public record Intent(
        OperationId operation,
        String node,
        VmId vm,
        SnapshotId target,
        Optional<SnapshotId> guard,
        List<Swap> swaps,
        Optional<String> firmware,
        Optional<String> definition,
        boolean start) {

    /**
     * One staged disk and the place it goes to.
     *
     * @param staged relative to the store's root, or the name of a dataset
     * @param identity of the staged disk as in {@link DiskStamp}, by which it is known again in the live one's place
     * @param live absolute
     * @param dataset the live disk's, on ZFS: between two steps its path leads nowhere
     * @param guarded what the live disk was like when the guard was taken; empty if there was none
     * @param guard the snapshot that holds it, if that is not the intent's
     */
    public record Swap(
            DiskName disk,
            StoreId store,
            String staged,
            long identity,
            String live,
            Optional<String> dataset,
            Optional<DiskStamp> guarded,
            Optional<SnapshotId> guard) {
        /** A disk that the intent's guard holds. */
        public Swap(
                DiskName disk,
                StoreId store,
                String staged,
                long identity,
                String live,
                Optional<String> dataset,
                Optional<DiskStamp> guarded) {
            this(disk, store, staged, identity, live, dataset, guarded, Optional.empty());
        }

        /** Checks that nothing is missing, and that what is to be a path can be one. */
        public Swap {
            requireNonNull(disk, "disk");
            requireNonNull(store, "store");
            CheckedFile.requirePath(staged);
            CheckedFile.requirePath(live);
            // JSON leaves out what is empty.
            dataset = requireNonNullElse(dataset, Optional.empty());
            guarded = requireNonNullElse(guarded, Optional.empty());
            guard = requireNonNullElse(guard, Optional.empty());
        }

        /** What a disk that was written to after its guard was taken is refused with. */
        public Problem refusal() {
            return new Problem(
                    Problem.Code.REFUSED,
                    "cannot put disk " + disk + " in place",
                    live + " was changed after the guard snapshot had been taken",
                    "Find out who writes to it while the VM is off, and try again");
        }

        /** The same, staged anew. */
        Swap stagedAs(String otherStaged, long otherIdentity) {
            return new Swap(disk, store, otherStaged, otherIdentity, live, dataset, guarded, guard);
        }

        /** The same, held by another guard. */
        Swap guardedAs(Optional<DiskStamp> stamp, SnapshotId otherGuard) {
            return new Swap(disk, store, staged, identity, live, dataset, stamp, Optional.of(otherGuard));
        }
    }

    /** Checks that nothing is missing, and that what is to be a path can be one. */
    public Intent {
        requireNonNull(operation, "operation");
        requireNonNull(node, "node");
        requireNonNull(vm, "vm");
        requireNonNull(target, "target");
        swaps = List.copyOf(swaps);
        // JSON leaves out what is empty.
        guard = requireNonNullElse(guard, Optional.empty());
        firmware = requireNonNullElse(firmware, Optional.empty());
        definition = requireNonNullElse(definition, Optional.empty());
        firmware.ifPresent(CheckedFile::requirePath);
    }

    /** The same after some disks were kept in another guard, which is the one to go back to. */
    public Intent guardedAgain(SnapshotId otherGuard, Map<Swap, Optional<DiskStamp>> again) {
        List<Swap> others = swaps.stream()
                .map(swap -> again.containsKey(swap)
                        ? swap.guardedAs(again.get(swap), otherGuard)
                        : new Swap(
                                swap.disk(),
                                swap.store(),
                                swap.staged(),
                                swap.identity(),
                                swap.live(),
                                swap.dataset(),
                                swap.guarded(),
                                swap.guard().or(() -> guard)))
                .toList();
        return new Intent(operation, node, vm, target, Optional.of(otherGuard), others, firmware, definition, start);
    }

    /** The same with disks that were staged anew. */
    public Intent with(List<Swap> others) {
        return new Intent(operation, node, vm, target, guard, others, firmware, definition, start);
    }

    /** The snapshot that holds a disk as it was. */
    Optional<SnapshotId> guardOf(Swap swap) {
        return swap.guard().or(() -> guard);
    }

    /** The snapshots that hold the disks as they were. */
    public Set<SnapshotId> guards() {
        return Stream.concat(guard.stream(), swaps.stream().flatMap(swap -> swap.guard().stream()))
                .collect(Collectors.toUnmodifiableSet());
    }

    /** Whether the rollback cannot be finished without a snapshot. */
    public boolean needs(SnapshotId snapshot) {
        return target.equals(snapshot) || guards().contains(snapshot);
    }

    /** The store whose copy decides whether the rollback is to be finished or never began. */
    public StoreId primary() {
        return swaps.get(0).store();
    }

    /** The stores that take part, the primary first, each once. */
    public List<StoreId> stores() {
        return Stream.concat(Stream.of(primary()), swaps.stream().map(Swap::store))
                .distinct()
                .toList();
    }
}
