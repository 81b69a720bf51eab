package org.flatsnap.store;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.FileIdentity;
import org.flatsnap.linux.FileStatus;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.DatasetType;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZfsErrno;
import org.flatsnap.linux.zfs.ZfsException;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A rollback's steps on one disk: clone the image, rename the live dataset aside with all its snapshots, rename the clone into
 * its place. {@code zfs rollback} would destroy what is newer. Every step can be repeated.
 */
final class ZfsSwaps {
    private static final Logger LOG = LoggerFactory.getLogger(ZfsSwaps.class);
    private static final Duration UDEV = Duration.ofSeconds(30);
    private static final long POLL_MILLIS = 50;

    private final ZfsStore store;

    ZfsSwaps(ZfsStore store) {
        this.store = store;
    }

    Optional<DiskStamp> stamp(ZfsDisk disk) throws IOException {
        return stamp(disk, disk.dataset());
    }

    private Optional<DiskStamp> stamp(ZfsDisk disk, DatasetName dataset) throws IOException {
        Optional<Map<String, Property>> found = store.find(dataset, "guid", "volsize", "mounted");
        if (found.isEmpty()) {
            return Optional.empty();
        }
        long guid = Long.parseUnsignedLong(found.get().get("guid").value());
        if (disk.isVolume()) {
            long size = Long.parseLong(found.get().get("volsize").value());
            return Optional.of(new DiskStamp(guid, size, Instant.EPOCH));
        }
        if (!Files.exists(disk.live())) {
            return Optional.empty();
        }
        FileStatus status = FileStatus.of(disk.live());
        return Optional.of(new DiskStamp(guid, status.size(), status.modified()));
    }

    Intent.Swap stage(OperationId operation, String owner, DiskImage image, Optional<DiskStamp> guarded)
            throws IOException {
        ZfsDisk disk = store.disk(Path.of(image.source()));
        DatasetName staged = store.names().staged(operation, image.disk());
        store.core().clone(store.locate(image), staged, Map.of(ZfsNames.OWNER, owner));
        try {
            prepare(disk, staged);
            long guid = Long.parseUnsignedLong(
                    store.programs().properties(staged, "guid").get("guid").value());
            return new Intent.Swap(
                    image.disk(),
                    store.id(),
                    staged.toString(),
                    guid,
                    image.source(),
                    Optional.of(disk.dataset().toString()),
                    guarded);
        } catch (IOException | Problem e) {
            store.destroyAfter(e, staged);
            throw e;
        }
    }

    private void prepare(ZfsDisk disk, DatasetName staged) throws IOException {
        boolean live = store.core().exists(disk.dataset());
        ZfsSettings settings =
                live ? ZfsSettings.of(store.programs(), disk.dataset()) : new ZfsSettings(Map.of(), Map.of());
        Map<String, String> properties = new LinkedHashMap<>(settings.carried());
        Map<String, String> finishing = new LinkedHashMap<>(settings.finishing());
        if (!disk.isVolume()) {
            finishing.putIfAbsent("canmount", "on");
            properties.put("canmount", "noauto");
        }
        properties.put(ZfsNames.FINISH, ZfsSettings.encode(finishing));
        store.programs().setProperties(staged, properties);
        if (!disk.isVolume() && Files.exists(disk.live())) {
            adoptIdentity(disk, staged);
            // Whoever has a file open, or reads an older image, is in the way: better now than when there is no way
            // back.
            unmount(disk.dataset());
            store.mounted(disk.dataset());
        }
    }

    private void adoptIdentity(ZfsDisk disk, DatasetName staged) throws IOException {
        Path file = store.mounted(staged).resolve(disk.live().getFileName());
        FileIdentity.copy(disk.live(), file);
        Durability.sync(file);
        store.programs().unmount(staged);
    }

    Intent.Swap restage(Intent intent, Intent.Swap swap, Supplier<Snapshot> target) throws IOException {
        ZfsDisk disk = disk(swap);
        DatasetName staged = new DatasetName(swap.staged());
        if (isOne(disk.dataset(), swap.identity()) || isOne(staged, swap.identity()) || isGoingAside(disk, swap)) {
            return swap;
        }
        LOG.warn("{} is gone, which is to become {}: staging it again", staged, disk.dataset());
        store.destroy(staged);
        DiskImage image = target.get().disk(swap.disk()).orElseThrow();
        String owner = store.layout().staging(intent.operation()).getFileName().toString();
        Intent.Swap again = stage(intent.operation(), owner, image, swap.guarded());
        return swap.stagedAs(again.staged(), again.identity());
    }

    /** What has the properties of a dataset aside cannot tell any more which ones the live one shall have. */
    private boolean isGoingAside(ZfsDisk disk, Intent.Swap swap) throws IOException {
        Optional<Map<String, Property>> live = store.find(disk.dataset(), ZfsNames.LIVE);
        return live.map(found -> isLocal(found.get(ZfsNames.LIVE)))
                .orElse(swap.guarded().isPresent());
    }

    boolean changed(Intent intent, Intent.Swap swap) throws IOException {
        ZfsDisk disk = disk(swap);
        Optional<DiskStamp> present = stamp(disk);
        if (present.isEmpty() && swap.guarded().isPresent()) {
            // In the middle of a swap it stands aside, or is not mounted any more; nobody can write to it.
            long guarded = swap.guarded().get().identity();
            return !isOne(store.names().aside(intent.operation(), swap.disk()), guarded)
                    && !isOne(disk.dataset(), guarded);
        }
        if (swapped(swap, present)) {
            return false;
        }
        if (!present.equals(swap.guarded())) {
            return true;
        }
        Optional<SnapshotId> guard = intent.guardOf(swap);
        return present.isPresent() && disk.isVolume() && guard.isPresent() && written(disk, guard.get());
    }

    private static ZfsDisk disk(Intent.Swap swap) throws NoSuchFileException {
        return new ZfsDisk(
                swap.dataset()
                        .map(DatasetName::new)
                        .orElseThrow(() -> new NoSuchFileException(swap.live(), null, "the intent names no dataset")),
                Path.of(swap.live()));
    }

    private boolean isOne(DatasetName dataset, long guid) throws IOException {
        return guid(dataset).filter(found -> found == guid).isPresent();
    }

    private Optional<Long> guid(DatasetName dataset) throws IOException {
        return store.find(dataset, "guid")
                .map(found -> Long.parseUnsignedLong(found.get("guid").value()));
    }

    private boolean written(ZfsDisk volume, SnapshotId guard) throws IOException {
        if (Files.exists(volume.live())) {
            // Without a device there is nothing in its page cache either.
            Durability.sync(volume.live());
        }
        store.core().sync(volume.dataset());
        SnapshotName since = ZfsNames.snapshot(volume.dataset(), guard);
        if (!store.core().exists(since)) {
            return true;
        }
        String property = "written@" + since.name();
        return Long.parseLong(store.programs()
                        .properties(volume.dataset(), property)
                        .get(property)
                        .value())
                > 0;
    }

    private static boolean swapped(Intent.Swap swap, Optional<DiskStamp> present) {
        return present.filter(stamp -> stamp.identity() == swap.identity()).isPresent();
    }

    void swap(Intent intent, Intent.Swap swap) throws IOException {
        ZfsDisk disk = disk(swap);
        if (!isOne(disk.dataset(), swap.identity())) {
            if (changed(intent, swap)) {
                throw swap.refusal();
            }
            DatasetName staged = new DatasetName(swap.staged());
            if (!store.core().exists(staged)) {
                throw new NoSuchFileException(staged.toString(), null, "the staged clone");
            }
            store.renaming(() -> change(disk, store.names().aside(intent.operation(), swap.disk()), staged));
        }
        finish(disk);
    }

    private void change(ZfsDisk disk, DatasetName aside, DatasetName staged) throws IOException {
        if (store.core().exists(disk.dataset())) {
            putAside(disk, aside);
        }
        if (store.core().exists(aside)) {
            quieten(aside);
        }
        store.core().rename(staged, disk.dataset());
    }

    private void putAside(ZfsDisk disk, DatasetName aside) throws IOException {
        DatasetName live = disk.dataset();
        if (disk.isVolume()) {
            hideDevice(disk, live);
        } else {
            unmount(live);
            store.programs().setProperties(live, Map.of(ZfsNames.LIVE, live.toString(), "canmount", "noauto"));
        }
        store.core().rename(live, aside);
    }

    /** Leaves what stands aside no room that it does not use, and no place where the live disk will be mounted. */
    void quieten(DatasetName aside) throws IOException {
        Map<String, Property> found =
                store.programs().properties(aside, "refreservation", "reservation", "mountpoint", ZfsNames.LAST);
        Map<String, String> quiet = new LinkedHashMap<>();
        for (String reservation : new String[] {"refreservation", "reservation"}) {
            if (isLocal(found.get(reservation))) {
                quiet.put(reservation, "none");
            }
        }
        quiet.put("readonly", "on");
        if (!isLocal(found.get(ZfsNames.LAST))) {
            long[] last = new long[1];
            store.programs().list(aside, Set.of(DatasetType.SNAPSHOT), false, List.of("createtxg"), image -> {
                last[0] = Math.max(
                        last[0],
                        Long.parseLong(image.property("createtxg").orElseThrow().value()));
            });
            quiet.put(ZfsNames.LAST, Long.toString(last[0]));
        }
        store.programs().setProperties(aside, quiet);
        if (isLocal(found.get("mountpoint"))) {
            store.programs().inherit(aside, "mountpoint");
        }
    }

    private static boolean isLocal(Property property) {
        return property != null && property.source() == Property.Source.LOCAL;
    }

    /**
     * What stands aside must not be found by whoever looks for file systems or volume groups. udev may have it open for a moment.
     *
     * @param live what is to be known of it as {@link ZfsNames#LIVE}
     */
    void hideDevice(ZfsDisk disk, DatasetName live) throws IOException {
        long deadline = System.nanoTime() + UDEV.toNanos();
        do {
            store.programs().setProperties(disk.dataset(), Map.of(ZfsNames.LIVE, live.toString(), "volmode", "none"));
            for (int i = 0; i < 20 && Files.exists(disk.live()); i++) {
                pause();
            }
        } while (Files.exists(disk.live()) && System.nanoTime() < deadline);
        if (Files.exists(disk.live())) {
            throw new Problem(
                    Problem.Code.BUSY,
                    "cannot set " + disk.dataset() + " aside",
                    "somebody has its device open",
                    "Find out who with: fuser -v " + disk.live());
        }
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for a device");
        }
    }

    void unmount(DatasetName dataset) throws IOException {
        if (store.programs()
                .properties(dataset, "mounted")
                .get("mounted")
                .value()
                .equals("yes")) {
            store.programs().unmount(dataset);
        }
    }

    /** Gives what is live now the settings that could not be given before. */
    private void finish(ZfsDisk disk) throws IOException {
        DatasetName live = disk.dataset();
        Property text = store.programs().properties(live, ZfsNames.FINISH).get(ZfsNames.FINISH);
        if (text != null && text.source() == Property.Source.LOCAL) {
            Map<String, String> settings = ZfsSettings.decode(text.value());
            for (String reservation : new String[] {"refreservation", "reservation"}) {
                String value = settings.remove(reservation);
                if (value != null) {
                    reserve(live, reservation, value);
                }
            }
            if (!settings.isEmpty()) {
                store.programs().setProperties(live, settings);
            }
            store.programs().inherit(live, ZfsNames.FINISH);
            store.programs().inherit(live, ZfsNames.OWNER);
        }
        if (disk.isVolume()) {
            ZvolDevices.await(live, UDEV);
        } else {
            store.mounted(live);
        }
    }

    private void reserve(DatasetName live, String property, String value) throws IOException {
        try {
            store.programs().setProperties(live, Map.of(property, value));
        } catch (ZfsException e) {
            if (!e.is(ZfsErrno.ENOSPC) && !e.is(ZfsErrno.EDQUOT)) {
                throw e;
            }
            // The disk is right without it, and the rollback must not stop half-way.
            LOG.warn(
                    "{} has no {} of {} bytes now: {}. Free space, then: zfs set {}={} {}",
                    live,
                    property,
                    value,
                    e.why(),
                    property,
                    value,
                    live);
        }
    }
}
