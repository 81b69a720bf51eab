package org.flatsnap.store;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import java.util.List;
import java.util.Optional;
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
 * @param firmware the staged NVRAM, if it is restored
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
        Optional<FileSwap> firmware,
        Optional<String> definition,
        boolean start) {

    /**
     * One staged disk and the place it goes to.
     *
     * @param staged relative to the store's root, or the name of a dataset
     * @param identity of the staged disk as in {@link DiskStamp}, by which it is known again in the live one's place
     * @param live absolute
     * @param guarded what the live disk was like when the guard was taken; empty if there was none
     */
    public record Swap(
            DiskName disk, StoreId store, String staged, long identity, String live, Optional<DiskStamp> guarded) {
        /** Checks that nothing is missing. */
        public Swap {
            requireNonNull(disk, "disk");
            requireNonNull(store, "store");
            requireNonNull(staged, "staged");
            requireNonNull(live, "live");
            // JSON leaves out what is empty.
            guarded = requireNonNullElse(guarded, Optional.empty());
        }

        /** What a disk that was written to after its guard was taken is refused with. */
        public Problem refusal() {
            return new Problem(
                    Problem.Code.REFUSED,
                    "cannot put disk " + disk + " in place",
                    live + " was changed after the guard snapshot had been taken",
                    "Find out who writes to it while the VM is off, and try again");
        }

        /** The same with another stamp of what the guard holds. */
        public Swap guardedAs(Optional<DiskStamp> stamp) {
            return new Swap(disk, store, staged, identity, live, stamp);
        }
    }

    /**
     * A staged file outside any store, in the directory of the one it replaces; as {@link Swap}, both absolute.
     *
     * @param inode the staged file's number
     */
    public record FileSwap(String staged, long inode, String live) {
        /** Checks that nothing is missing. */
        public FileSwap {
            requireNonNull(staged, "staged");
            requireNonNull(live, "live");
        }
    }

    /** Checks that nothing is missing. */
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
    }

    /** The same with another guard and other stamps of what it holds. */
    public Intent with(SnapshotId otherGuard, List<Swap> otherSwaps) {
        return new Intent(
                operation, node, vm, target, Optional.of(otherGuard), otherSwaps, firmware, definition, start);
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
