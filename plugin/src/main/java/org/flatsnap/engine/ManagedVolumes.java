package org.flatsnap.engine;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Place;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VolumeName;
import org.flatsnap.store.CloneOut;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;
import org.flatsnap.store.Volumes;
import org.flatsnap.store.Volumes.Volume;

/**
 * The disks that stores keep for Proxmox VE, as its storage plugin asks for them. Whoever gets a name is never shown the images
 * of one that had it before. Safe for use by several threads; every method throws {@link Problem}.
 */
public final class ManagedVolumes {
    private final Stores stores;
    private final VolumeImages images;
    private final Operations operations;

    ManagedVolumes(Stores stores, VolumeImages images, Operations operations) {
        this.stores = stores;
        this.images = images;
        this.operations = operations;
    }

    /** An operation that has nothing to tell. */
    private record Done(VolumeName volume) {}

    /** What an operation was about to do. */
    private record Renaming(VolumeName from, VolumeName to) {}

    /**
     * The volumes of a store, by name.
     *
     * @param vmid of one owner only
     */
    public List<VolumeReport> list(Place place, Optional<Integer> vmid) {
        return stores.at(place).volumes().list().stream()
                .filter(volume ->
                        vmid.map(owner -> owner == volume.name().vmid()).orElse(true))
                .map(VolumeReport::of)
                .toList();
    }

    /** One volume. */
    public VolumeReport show(VolumeRef volume) {
        return VolumeReport.of(require(stores.at(volume.place()), volume));
    }

    static Volume require(Store store, VolumeRef volume) {
        return store.volumes()
                .find(volume.name())
                .orElseThrow(() -> new Problem(
                        Code.NOT_FOUND,
                        "unknown " + volume,
                        "there is no volume of that name",
                        "See which there are with 'pvesm list'"));
    }

    /** Makes one that reads as zeros. */
    public VolumeReport create(OperationId operation, VolumeRef volume, long bytes) {
        String what = "create " + volume + " of " + bytes + " bytes";
        return making(operation, volume, what, (store, announce) -> {
            announce.run(bytes);
            return store.volumes().create(volume.name(), bytes);
        });
    }

    /** Makes one with what another one holds now. Neither needs the other. */
    public VolumeReport copy(OperationId operation, VolumeRef from, VolumeName to) {
        return making(operation, from.named(to), "clone " + from + " to " + to, (store, announce) -> {
            Volume source = require(store, from);
            images.refuseIntent(store, from.name());
            stores.refuseFull("cannot clone " + from, List.of(store.id()));
            announce.run(source.bytes());
            return store.volumes().copy(from.name(), to);
        });
    }

    /** Makes one with what a snapshot holds. Neither needs the other. */
    public VolumeReport copy(OperationId operation, VolumeRef from, SnapshotName snapshot, VolumeName to) {
        String what = "clone snapshot " + snapshot + " of " + from + " to " + to;
        return making(operation, from.named(to), what, (store, announce) -> {
            Snapshot known = images.require(store, from, snapshot);
            stores.refuseFull("cannot clone " + from, List.of(store.id()));
            try (VmLock lock = images.lock(store, known.vm())) {
                Snapshot present = images.present(known, store, from);
                announce.run(present.disk(from.name().disk()).orElseThrow().bytes());
                Volumes volumes = store.volumes();
                Store.Target target = new Store.Target(from.name().disk(), volumes.path(to));
                // No manager ever has a VM of this id, so what a kill leaves of it recovery takes away.
                VmId nobody = new VmId("volume-" + operation);
                try (CloneOut made = store.cloneOut(operation, present, nobody, List.of(target), Optional.empty())) {
                    made.keep();
                }
                return require(store, from.named(to));
            }
        });
    }

    /** What makes a volume, told to say before the last step how large it will be. */
    @FunctionalInterface
    private interface Making {
        Volume make(Store store, Announcement size);
    }

    @FunctionalInterface
    private interface Announcement {
        void run(long bytes);
    }

    /** The answer stands on the store before the volume does: a retry after a kill must not take it for somebody else's. */
    private VolumeReport making(OperationId operation, VolumeRef made, String what, Making making) {
        return operations.runOnce(
                operation,
                Optional.of(made.owner()),
                what,
                VolumeReport.class,
                report -> stores.at(made.place()).volumes().find(made.name()).isPresent(),
                progress -> {
                    Store store = stores.at(made.place());
                    try (VmLock lock = images.lockOwners(store, List.of(made.name()))) {
                        refuseTaken(store, what, made);
                        // What a kill kept from being said when the last one of this name went.
                        images.leave(store, made.name());
                        return VolumeReport.of(making.make(store, bytes -> {
                            VolumeReport hoped = new VolumeReport(
                                    made.name(),
                                    store.volumes().path(made.name()).toString(),
                                    bytes,
                                    0,
                                    images.now());
                            operations.announce(operation, what, hoped, store.id());
                        }));
                    }
                });
    }

    private static void refuseTaken(Store store, String what, VolumeRef made) {
        if (store.volumes().find(made.name()).isPresent()) {
            throw new Problem(
                    Code.EXISTS,
                    "cannot " + what,
                    "there is a volume " + made.name(),
                    "Choose another name, or remove that one");
        }
    }

    /**
     * Makes one larger, gives it another name, or both. For Proxmox VE its snapshots stay behind with a name: none of them is
     * shown under the new one.
     */
    public VolumeReport change(
            OperationId operation, VolumeRef volume, Optional<Long> bytes, Optional<VolumeName> name) {
        String what = "change " + volume
                + bytes.map(size -> " to " + size + " bytes").orElse("")
                + name.map(to -> " to " + to).orElse("");
        List<VolumeName> names =
                Stream.concat(Stream.of(volume.name()), name.stream()).toList();
        return operations.run(operation, Optional.of(volume.owner()), what, VolumeReport.class, progress -> {
            Store store = stores.at(volume.place());
            try (VmLock lock = images.lockOwners(store, names)) {
                if (name.isPresent() && isRenamed(operation, store, volume.name(), name.get())) {
                    images.leave(store, volume.name());
                    return VolumeReport.of(require(store, volume.named(name.get())));
                }
                Volume present = require(store, volume);
                images.refuseIntent(store, volume.name());
                name.ifPresent(to -> refuseTaken(store, "rename " + volume, volume.named(to)));
                if (bytes.isPresent()) {
                    present = store.volumes().resize(volume.name(), bytes.get());
                }
                if (name.isEmpty()) {
                    return VolumeReport.of(present);
                }
                // A retry after a kill finds no volume of the old name.
                Renaming renaming = new Renaming(volume.name(), name.get());
                operations.announce(Operations.noteOf(operation), what, renaming, store.id());
                return VolumeReport.of(rename(store, renaming.from(), renaming.to()));
            }
        });
    }

    private boolean isRenamed(OperationId operation, Store store, VolumeName from, VolumeName to) {
        return operations
                        .result(Operations.noteOf(operation), Renaming.class)
                        .filter(new Renaming(from, to)::equals)
                        .isPresent()
                && store.volumes().find(from).isEmpty()
                && store.volumes().find(to).isPresent();
    }

    private Volume rename(Store store, VolumeName from, VolumeName to) {
        images.leave(store, to);
        Volume renamed = store.volumes().rename(from, to);
        images.leave(store, from);
        return renamed;
    }

    /** Removes one; absent is fine. Snapshots keep its images for a while, see {@link Engine.Settings}. */
    public void remove(OperationId operation, VolumeRef volume) {
        operations.run(operation, Optional.of(volume.owner()), "remove " + volume, Done.class, progress -> {
            Store store = stores.at(volume.place());
            try (VmLock lock = images.lockOwners(store, List.of(volume.name()))) {
                images.refuseIntent(store, volume.name());
                // If it cannot be removed, its snapshots have to stay.
                store.volumes().remove(volume.name());
                images.leave(store, volume.name());
                return new Done(volume.name());
            }
        });
    }
}
