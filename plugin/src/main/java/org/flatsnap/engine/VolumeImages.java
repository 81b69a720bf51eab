package org.flatsnap.engine;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Order;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.catalog.VmEntry;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VolumeName;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images of volumes in snapshots. A volume is known by its name alone, and a name is given again: an image is of the volume
 * that has the name now as long as its snapshot does not count that disk among those that are gone.
 */
final class VolumeImages {
    private static final Logger LOG = LoggerFactory.getLogger(VolumeImages.class);
    private static final int PAGE = 1000;

    private final Stores stores;
    private final Catalog catalog;
    private final ChangeSnapshot changing;
    private final Clock clock;
    private final Duration grace;

    /** @param grace how long a snapshot stays when all its disks are gone */
    VolumeImages(Stores stores, Catalog catalog, ChangeSnapshot changing, Clock clock, Duration grace) {
        this.stores = stores;
        this.catalog = catalog;
        this.changing = changing;
        this.clock = clock;
        this.grace = grace;
    }

    /** The snapshots that hold this very volume, those under way too, oldest first. */
    List<Snapshot> of(Store store, VolumeName volume) {
        List<Snapshot> found = new ArrayList<>();
        Set<VmId> vms = catalog.vms().stream()
                .map(VmEntry::vm)
                .filter(vm -> Guest.numbered(volume.vmid(), vm))
                .collect(Collectors.toSet());
        if (!vms.isEmpty()) {
            collect(
                    SnapshotQuery.ALL
                            .ofVms(vms)
                            .retired(false)
                            .ordered(Order.OLDEST_FIRST)
                            .limitedTo(PAGE),
                    found);
        }
        found.addAll(catalog.underWay().stream()
                .filter(snapshot -> Guest.numbered(volume.vmid(), snapshot.vm()))
                .toList());
        return found.stream()
                .filter(snapshot -> holds(snapshot, store, volume))
                .sorted(Comparator.comparing(Snapshot::takenAt).thenComparing(Snapshot::id))
                .toList();
    }

    private void collect(SnapshotQuery first, List<Snapshot> found) {
        Optional<SnapshotQuery> query = Optional.of(first);
        while (query.isPresent()) {
            SnapshotQuery present = query.get();
            Page page = catalog.query(present);
            found.addAll(page.snapshots());
            query = page.next().map(present::from);
        }
    }

    /** The one of this name; the newest, should there be several. */
    Optional<Snapshot> find(Store store, VolumeName volume, SnapshotName name) {
        return of(store, volume).stream()
                .filter(snapshot -> snapshot.name().equals(name))
                .reduce((older, newer) -> newer);
    }

    Snapshot require(Store store, VolumeRef volume, SnapshotName name) {
        return find(store, volume.name(), name).orElseThrow(() -> missing(volume, name));
    }

    private static Problem missing(VolumeRef volume, SnapshotName name) {
        return new Problem(
                Code.NOT_FOUND,
                "unknown snapshot '" + name + "' of " + volume,
                "the volume has no snapshot of that name",
                "See 'flatsnap list', or the guest's Snapshots tab");
    }

    static boolean holds(Snapshot snapshot, Store store, VolumeName volume) {
        DiskName disk = volume.disk();
        return !snapshot.labels().gone().contains(disk)
                && snapshot.disk(disk)
                        .filter(image -> image.store().equals(store.id()))
                        .isPresent();
    }

    /** What storage says of it now; a {@link Problem} if that does not hold the volume any more. */
    Snapshot present(Snapshot known, Store store, VolumeRef volume) {
        Snapshot present = changing.present(known);
        if (!holds(present, store, volume.name())) {
            throw missing(volume, known.name());
        }
        return present;
    }

    /** An image as if it had been taken of the volume where that is now. */
    static DiskImage at(Snapshot snapshot, VolumeName volume, Path live) {
        DiskImage image = snapshot.disk(volume.disk()).orElseThrow();
        return new DiskImage(image.disk(), image.store(), live.toString(), image.bytes(), image.guid());
    }

    /** Excludes all others from changing volumes of these owners on a store. */
    VmLock lockOwners(Store store, Collection<VolumeName> volumes) {
        List<VmLock> held = new ArrayList<>();
        try {
            // Always in the same order, so that two operations never wait for each other.
            volumes.stream()
                    .map(VolumeName::vmid)
                    .distinct()
                    .sorted()
                    .forEach(vmid -> held.add(stores.lock(Guest.anyOf(vmid), List.of(store.id()))));
        } catch (Problem e) {
            held.forEach(VmLock::close);
            throw e;
        }
        return () -> held.forEach(VmLock::close);
    }

    /**
     * Excludes all others from changing anything about a guest's snapshots. The caller has the {@link #lockOwners lock} of its
     * number, which is the same for a guest of which nothing else is known.
     */
    VmLock lock(Store store, VmId vm) {
        return vm.value().indexOf('-') < 0 ? () -> {} : stores.lock(vm, List.of(store.id()));
    }

    /** Refuses work on a volume whose rollback has been decided and not finished. */
    void refuseIntent(Store store, VolumeName volume) {
        store.intents(problem -> LOG.error("{}", problem.getMessage())).stream()
                .filter(intent -> Guest.numbered(volume.vmid(), intent.vm()))
                .filter(intent ->
                        intent.swaps().stream().anyMatch(swap -> swap.disk().equals(volume.disk())))
                .findFirst()
                .ifPresent(intent -> {
                    throw new Problem(
                            Code.BUSY,
                            "cannot work on volume " + volume,
                            "a rollback of it is not finished",
                            "Try again in a moment; if it stays, 'flatsnap doctor' tells what it waits for");
                });
    }

    /**
     * Takes one image out of a snapshot, as far as anybody is shown; the last one takes the snapshot with it. The caller holds the
     * locks.
     */
    void drop(Snapshot present, VolumeName volume) {
        Labels labels = present.labels().without(gone(present, volume));
        if (allGone(present, labels)) {
            changing.remove(present);
        } else {
            put(present.with(labels));
        }
    }

    /**
     * The volume is no more, or not under this name: whatever gets its name must not be shown its images. A snapshot that has
     * lost all its disks is retired. The caller holds the lock of the owner's number.
     */
    void leave(Store store, VolumeName volume) {
        for (Snapshot known : of(store, volume)) {
            try (VmLock lock = lock(store, known.vm())) {
                stores.require(known.home())
                        .read(known.vm(), known.id())
                        .ifPresentOrElse(present -> leave(present, volume), () -> catalog.remove(known.id()));
            }
        }
    }

    private void leave(Snapshot present, VolumeName volume) {
        Labels labels = present.labels().without(gone(present, volume));
        if (!allGone(present, labels)) {
            put(present.with(labels));
            return;
        }
        // Nobody will ever finish it.
        Snapshot retired = present.with(labels.underWay(false).retired(clock.instant()));
        if (grace.isZero() && !labels.held()) {
            changing.remove(retired);
        } else {
            put(retired);
        }
    }

    private static SortedSet<DiskName> gone(Snapshot snapshot, VolumeName volume) {
        SortedSet<DiskName> gone = new TreeSet<>(snapshot.labels().gone());
        gone.add(volume.disk());
        return gone;
    }

    private static boolean allGone(Snapshot snapshot, Labels labels) {
        return snapshot.disks().stream().allMatch(image -> labels.gone().contains(image.disk()));
    }

    /** The present moment. */
    Instant now() {
        return clock.instant();
    }

    /** Changes what is known about a snapshot. The caller holds the locks. */
    void put(Snapshot changed) {
        stores.require(changed.home()).replace(changed);
        catalog.put(changed);
    }
}
