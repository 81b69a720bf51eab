package org.flatsnap.engine;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.engine.TakeSnapshot.Order;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.store.Capture;
import org.flatsnap.store.DiskSource;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;
import org.flatsnap.store.Volumes.Volume;

/**
 * Snapshots of single volumes, as Proxmox VE's storage plugin asks for them, disk by disk. Those of one name of all disks that a
 * guest has on a store are one snapshot; Proxmox VE itself has brought the guest to stand still. No manager is asked anything:
 * it may be waiting for this. Safe for use by several threads; every method throws {@link Problem}.
 */
public final class VolumeSnapshots {
    private final Stores stores;
    private final Catalog catalog;
    private final VolumeImages images;
    private final Operations operations;
    private final TakeSnapshot taking;
    private final ChangeSnapshot changing;
    private final DecideRollback deciding;
    private final FinishRollback finishing;
    private final Orderly orderly;

    VolumeSnapshots(
            Stores stores,
            Catalog catalog,
            VolumeImages images,
            Operations operations,
            TakeSnapshot taking,
            ChangeSnapshot changing,
            DecideRollback deciding,
            FinishRollback finishing,
            Orderly orderly) {
        this.stores = stores;
        this.catalog = catalog;
        this.images = images;
        this.operations = operations;
        this.taking = taking;
        this.changing = changing;
        this.deciding = deciding;
        this.finishing = finishing;
        this.orderly = orderly;
    }

    /**
     * A snapshot as far as it is of one volume.
     *
     * @param bytes the size of the image
     * @param path a file from which the image can be read; empty in lists, and where storage has no file of it
     */
    public record Entry(SnapshotName name, SnapshotId id, Instant takenAt, long bytes, Optional<String> path) {
        /** Checks that nothing is missing. */
        public Entry {
            requireNonNull(name, "name");
            requireNonNull(id, "id");
            requireNonNull(takenAt, "takenAt");
            // JSON leaves out what is empty.
            path = path == null ? Optional.empty() : path;
        }

        /** The same where it can be read there. */
        public Entry at(Optional<Path> file) {
            return new Entry(name, id, takenAt, bytes, file.map(Path::toString));
        }

        private static Entry of(Snapshot snapshot, VolumeRef volume) {
            return of(snapshot, snapshot.disk(volume.name().disk()).orElseThrow());
        }

        private static Entry of(Snapshot snapshot, DiskImage image) {
            return new Entry(snapshot.name(), snapshot.id(), snapshot.takenAt(), image.bytes(), Optional.empty());
        }
    }

    /** An operation that has nothing to tell. */
    private record Done(SnapshotName name) {}

    /** The snapshots of this very volume, and of none that had its name before; oldest first, guards among them. */
    public List<Entry> list(VolumeRef volume) {
        Store store = stores.at(volume.place());
        ManagedVolumes.require(store, volume);
        return images.of(store, volume.name()).stream()
                .map(snapshot -> Entry.of(snapshot, volume))
                .toList();
    }

    /** One of them, and where its image can be read. */
    public Entry show(VolumeRef volume, SnapshotName name) {
        Store store = stores.at(volume.place());
        Snapshot snapshot = images.require(store, volume, name);
        return Entry.of(snapshot, volume)
                .at(store.image(snapshot, volume.name().disk()).file());
    }

    /**
     * Takes one.
     *
     * @param guest what Proxmox VE says of the owner; without it the snapshot counts to the guest that had the last one
     */
    public Entry take(OperationId operation, VolumeRef volume, SnapshotName name, Optional<Guest> guest) {
        guest.ifPresent(owner -> refuseOtherOwner(volume, owner));
        String what = "take snapshot " + name + " of " + volume;
        return orderly.run(() -> operations.runOnce(
                operation,
                Optional.of(volume.owner()),
                what,
                Entry.class,
                entry -> holds(volume, entry),
                progress -> take(operation, what, volume, name, guest, progress)));
    }

    private static void refuseOtherOwner(VolumeRef volume, Guest guest) {
        if (guest.vmid() != volume.name().vmid()) {
            throw new Problem(
                    Code.INVALID,
                    "cannot take a snapshot of " + volume,
                    "it belongs to guest " + volume.name().vmid() + ", and the request speaks of guest " + guest.vmid(),
                    "Send what the owner's configuration says");
        }
    }

    private boolean holds(VolumeRef volume, Entry entry) {
        Store store = stores.at(volume.place());
        return images.find(store, volume.name(), entry.name())
                .filter(snapshot -> snapshot.id().equals(entry.id()))
                .isPresent();
    }

    private Entry take(
            OperationId operation,
            String what,
            VolumeRef volume,
            SnapshotName name,
            Optional<Guest> named,
            Progress progress) {
        Store store = stores.at(volume.place());
        progress.step("waiting for other work on guest " + volume.owner());
        try (VmLock owner = images.lockOwners(store, List.of(volume.name()))) {
            Guest guest = named.orElseGet(() -> Guest.numbered(volume.name().vmid()));
            VmId id = named.map(Guest::id).orElseGet(() -> lastOwner(store, volume));
            Vm vm = guest.vm(id);
            try (VmLock lock = images.lock(store, id)) {
                taking.refuseHalfKnown(vm);
                Optional<Snapshot> earlier = images.of(store, volume.name()).stream()
                        .filter(snapshot -> snapshot.operation().equals(operation))
                        .findFirst();
                if (earlier.isPresent()) {
                    return Entry.of(earlier.get(), volume);
                }
                Volume live = ManagedVolumes.require(store, volume);
                stores.refuseIntent(vm, List.of(store.id()));
                stores.refuseFull("cannot take a snapshot of " + volume, List.of(store.id()));
                refuseDuplicate(store, volume, name);
                finishOthers(store, id, name);
                DiskSource source = new DiskSource(volume.name().disk(), live.path());
                progress.step("cloning the disk");
                Optional<Snapshot> begun = begun(store, volume, id, name);
                return begun.isPresent()
                        ? extend(operation, what, store, source, begun.get(), guest)
                        : begin(operation, store, source, vm, name, guest, progress);
            }
        }
    }

    /** Whose snapshots the volume has; a guest of which only the number is known if it has none. */
    private VmId lastOwner(Store store, VolumeRef volume) {
        return images.of(store, volume.name()).stream()
                .reduce((older, newer) -> newer)
                .map(Snapshot::vm)
                .orElseGet(() -> Guest.anyOf(volume.name().vmid()));
    }

    private void refuseDuplicate(Store store, VolumeRef volume, SnapshotName name) {
        images.find(store, volume.name(), name).ifPresent(other -> {
            throw new Problem(
                    Code.EXISTS,
                    "cannot take snapshot " + name + " of " + volume,
                    "it has a snapshot of that name, taken " + other.takenAt(),
                    "Choose another name, or delete that one first");
        });
    }

    /** Proxmox VE takes one snapshot of a guest at a time: whatever it says of this one, the others are ended. */
    private void finishOthers(Store store, VmId vm, SnapshotName name) {
        for (Snapshot other : catalog.underWay()) {
            if (other.vm().equals(vm)
                    && other.home().equals(store.id())
                    && !other.name().equals(name)) {
                store.read(vm, other.id())
                        .ifPresent(present ->
                                images.put(present.with(present.labels().underWay(false))));
            }
        }
    }

    /** What Proxmox VE has begun of other disks of the guest on this store. */
    private Optional<Snapshot> begun(Store store, VolumeRef volume, VmId vm, SnapshotName name) {
        return catalog.named(vm, name).stream()
                .filter(snapshot -> snapshot.home().equals(store.id())
                        && snapshot.guard().isEmpty()
                        && snapshot.foreign().isEmpty()
                        && snapshot.labels().retired().isEmpty())
                .flatMap(snapshot -> store.read(vm, snapshot.id()).stream())
                .filter(snapshot -> snapshot.disk(volume.name().disk()).isEmpty())
                .findFirst();
    }

    private Entry begin(
            OperationId operation,
            Store store,
            DiskSource source,
            Vm vm,
            SnapshotName name,
            Guest guest,
            Progress progress) {
        Map<Store, List<DiskSource>> disks = new LinkedHashMap<>();
        disks.put(store, List.of(source));
        Labels labels = Labels.NONE.underWay(guest.beingTaken());
        Order order = new Order(operation, name, labels, Optional.empty(), Consistency.CRASH, false);
        Snapshot taken = taking.capture(vm, new DiskPlan(disks), order, progress);
        return Entry.of(taken, taken.disks().get(0));
    }

    private Entry extend(
            OperationId operation, String what, Store store, DiskSource source, Snapshot begun, Guest guest) {
        try (Capture capture = store.extend(operation, begun, List.of(source))) {
            capture.cloneDisks();
            DiskImage image = capture.sync().get(0);
            List<DiskImage> all = new ArrayList<>(begun.disks());
            all.add(image);
            // A guest that nobody holds may have written since the first disk.
            boolean torn = !guest.beingTaken() && begun.quiescence().state() == VmState.RUNNING;
            Snapshot extended = begun.extended(all, torn ? torn(begun.quiescence()) : begun.quiescence())
                    .with(begun.labels().underWay(guest.beingTaken()));
            Entry entry = Entry.of(extended, image);
            // Only the first disk's operation stands in the snapshot.
            operations.announce(operation, what, entry, store.id());
            capture.publish(extended);
            catalog.put(extended);
            return entry;
        }
    }

    private static Quiescence torn(Quiescence first) {
        return new Quiescence(
                first.asked(),
                first.achieved(),
                first.state(),
                first.freezeMillis(),
                first.pauseMillis(),
                true,
                first.note());
    }

    /** Deletes one; absent is fine. The room of a snapshot of several disks is freed with the last one. */
    public void delete(OperationId operation, VolumeRef volume, SnapshotName name) {
        String what = "delete snapshot " + name + " of " + volume;
        orderly.run(() -> operations.run(operation, Optional.of(volume.owner()), what, Done.class, progress -> {
            Store store = stores.at(volume.place());
            progress.step("waiting for other work on guest " + volume.owner());
            try (VmLock owner = images.lockOwners(store, List.of(volume.name()))) {
                images.find(store, volume.name(), name).ifPresent(known -> delete(store, volume, known));
            }
            return new Done(name);
        }));
    }

    private void delete(Store store, VolumeRef volume, Snapshot known) {
        try (VmLock lock = images.lock(store, known.vm())) {
            Optional<Snapshot> present = stores.require(known.home()).read(known.vm(), known.id());
            if (present.isEmpty()) {
                catalog.remove(known.id());
                return;
            }
            if (VolumeImages.holds(present.get(), store, volume.name())) {
                changing.refuseDeleting(present.get(), known.vmName().value());
                images.drop(present.get(), volume.name());
            }
        }
    }

    /**
     * Puts a volume back to any of its snapshots. The present state is kept as a guard; newer snapshots stay.
     *
     * @return the guard's name; empty if there was nothing to keep
     */
    public Optional<SnapshotName> rollBack(OperationId operation, VolumeRef volume, SnapshotName name) {
        RollbackResult result = orderly.run(() -> operations.runOnce(
                operation,
                Optional.of(volume.owner()),
                "roll back " + volume + " to " + name,
                RollbackResult.class,
                done -> true,
                progress -> rollBack(operation, volume, name, progress)));
        return result.guard().flatMap(catalog::find).map(Snapshot::name);
    }

    private RollbackResult rollBack(OperationId operation, VolumeRef volume, SnapshotName name, Progress progress) {
        Store store = stores.at(volume.place());
        List<StoreId> ids = List.of(store.id());
        Snapshot target = images.require(store, volume, name);
        Vm vm = Guest.standIn(target.vm(), target.vmName(), false);
        progress.step("waiting for other rollbacks of guest " + volume.owner());
        try (VmLock right = stores.lockRollback(vm, ids)) {
            // A first try of it may have failed half way, and recovery has finished that while this one waited.
            Optional<RollbackResult> meanwhile = operations.result(operation, RollbackResult.class);
            if (meanwhile.isPresent()) {
                return meanwhile.get();
            }
            Intent intent;
            try (VmLock owner = images.lockOwners(store, List.of(volume.name()));
                    VmLock lock = images.lock(store, target.vm())) {
                Snapshot present = images.present(target, store, volume);
                Path live = store.volumes().path(volume.name());
                DecideRollback.Plan plan = new DecideRollback.Plan(
                        operation,
                        present,
                        List.of(VolumeImages.at(present, volume.name(), live)),
                        true,
                        false,
                        "rollback of " + volume.name() + " to " + name);
                intent = deciding.decide(plan, vm, false, () -> {}, progress);
                progress.step("putting the disk in place");
                finishing.swap(intent);
            }
            return finishing.conclude(intent, progress);
        }
    }
}
