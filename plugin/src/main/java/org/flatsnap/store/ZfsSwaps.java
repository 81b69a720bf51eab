package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.FileIdentity;
import org.flatsnap.linux.FileStatus;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZfsErrno;
import org.flatsnap.linux.zfs.ZfsException;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
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
        DatasetName staged = store.names().staged(operation, disk.dataset());
        store.core().clone(store.locate(image), staged, Map.of(ZfsNames.OWNER, owner));
        try {
            prepare(disk, staged);
            long guid = Long.parseUnsignedLong(
                    store.programs().properties(staged, "guid").get("guid").value());
            return new Intent.Swap(image.disk(), store.id(), staged.toString(), guid, image.source(), guarded);
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
        }
    }

    private void adoptIdentity(ZfsDisk disk, DatasetName staged) throws IOException {
        Path file = store.mounted(staged).resolve(disk.live().getFileName());
        FileIdentity.copy(disk.live(), file);
        Durability.sync(file);
        store.programs().unmount(staged);
    }

    boolean changed(Intent intent, Intent.Swap swap) throws IOException {
        ZfsDisk disk = store.disk(Path.of(swap.live()));
        Optional<DiskStamp> present = stamp(disk);
        if (present.isEmpty() && swap.guarded().isPresent()) {
            // In the middle of a swap it stands aside, or is not mounted any more; nobody can write to it.
            DatasetName aside = store.names().aside(intent.operation(), disk.dataset());
            long guarded = swap.guarded().get().identity();
            return guid(aside)
                    .or(() -> unchecked(disk.dataset()))
                    .filter(found -> found == guarded)
                    .isEmpty();
        }
        if (swapped(swap, present)) {
            return false;
        }
        if (!present.equals(swap.guarded())) {
            return true;
        }
        return present.isPresent()
                && disk.isVolume()
                && intent.guard().isPresent()
                && written(
                        disk.dataset(),
                        ZfsNames.snapshot(disk.dataset(), intent.guard().get()));
    }

    private Optional<Long> unchecked(DatasetName dataset) {
        return store.produce("cannot examine " + dataset, () -> guid(dataset));
    }

    private Optional<Long> guid(DatasetName dataset) throws IOException {
        return store.find(dataset, "guid")
                .map(found -> Long.parseUnsignedLong(found.get("guid").value()));
    }

    private boolean written(DatasetName volume, SnapshotName since) throws IOException {
        Durability.sync(ZvolDevices.path(volume));
        store.core().sync(volume);
        if (!store.core().exists(since)) {
            return true;
        }
        String property = "written@" + since.name();
        return Long.parseLong(store.programs()
                        .properties(volume, property)
                        .get(property)
                        .value())
                > 0;
    }

    private static boolean swapped(Intent.Swap swap, Optional<DiskStamp> present) {
        return present.filter(stamp -> stamp.identity() == swap.identity()).isPresent();
    }

    void swap(Intent intent, Intent.Swap swap) throws IOException {
        ZfsDisk disk = store.disk(Path.of(swap.live()));
        DatasetName live = disk.dataset();
        if (guid(live).filter(found -> found == swap.identity()).isEmpty()) {
            if (changed(intent, swap)) {
                throw swap.refusal();
            }
            DatasetName staged = new DatasetName(swap.staged());
            if (!store.core().exists(staged)) {
                throw new NoSuchFileException(staged.toString(), null, "the staged clone");
            }
            if (store.core().exists(live)) {
                putAside(disk, store.names().aside(intent.operation(), live));
            }
            store.core().rename(staged, live);
        }
        finish(disk);
    }

    private void putAside(ZfsDisk disk, DatasetName aside) throws IOException {
        DatasetName live = disk.dataset();
        if (disk.isVolume()) {
            hideDevice(disk);
        } else {
            unmount(live);
            store.programs().setProperties(live, Map.of(ZfsNames.LIVE, live.toString(), "canmount", "noauto"));
        }
        store.core().rename(live, aside);
        Map<String, Property> settings = store.programs().properties(aside, "refreservation", "mountpoint");
        if (settings.containsKey("refreservation")
                && settings.get("refreservation").source() == Property.Source.LOCAL) {
            store.programs().setProperties(aside, Map.of("refreservation", "none"));
        }
        if (settings.containsKey("mountpoint") && settings.get("mountpoint").source() == Property.Source.LOCAL) {
            store.programs().inherit(aside, "mountpoint");
        }
    }

    /** What stands aside must not be found by whoever looks for file systems or volume groups. udev may have it open for a moment. */
    private void hideDevice(ZfsDisk disk) throws IOException {
        long deadline = System.nanoTime() + UDEV.toNanos();
        do {
            store.programs()
                    .setProperties(
                            disk.dataset(), Map.of(ZfsNames.LIVE, disk.dataset().toString(), "volmode", "none"));
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
            throw new java.io.InterruptedIOException("interrupted while waiting for a device");
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
