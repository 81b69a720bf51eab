package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.DatasetRecord;
import org.flatsnap.linux.zfs.DatasetType;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Snapshots that others took of disks: those of live disks, and those that went aside with a disk. */
final class ZfsForeign {
    private static final Logger LOG = LoggerFactory.getLogger(ZfsForeign.class);

    private final ZfsStore store;

    ZfsForeign(ZfsStore store) {
        this.store = store;
    }

    List<ForeignImage> images() throws IOException {
        ZfsInventory inventory = store.inventory();
        Map<String, String> makers = namesByMakers(inventory);
        List<ForeignImage> images = new ArrayList<>();
        for (DatasetName dataset : inventory.datasets()) {
            if (inventory.images(dataset).stream().anyMatch(inventory::foreign)) {
                Optional<Path> disk = live(inventory, dataset);
                for (ZfsInventory.Image image : inventory.images(dataset)) {
                    if (disk.isPresent() && inventory.foreign(image) && !image.going() && !inventory.empty(image)) {
                        String name =
                                makers.getOrDefault(image.guid(), image.name().name());
                        images.add(image(name, image, disk.get()));
                    }
                }
            }
        }
        images.sort(Comparator.comparingLong(ForeignImage::moment));
        return images;
    }

    /** By guid, what makers called the images of snapshots that are being adopted: foreign as a whole until the end. */
    private static Map<String, String> namesByMakers(ZfsInventory inventory) {
        Map<String, String> names = new HashMap<>();
        for (ZfsInventory.Image begun : inventory.images()) {
            if (beingAdopted(begun)) {
                try {
                    Snapshot snapshot = ZfsRecord.read(begun.name(), begun::recordValue);
                    snapshot.foreign().ifPresent(maker -> snapshot.disks()
                            .forEach(image -> image.guid().ifPresent(guid -> names.put(guid, maker.name()))));
                } catch (Problem e) {
                    LOG.warn("{}", e.getMessage());
                }
            }
        }
        return names;
    }

    private static ForeignImage image(String name, ZfsInventory.Image image, Path disk) throws IOException {
        long bytes = image.number("volsize");
        if (bytes == 0) {
            // Looking into each snapshot would mount it; a disk in a file rarely changes its size.
            bytes = Files.exists(disk) ? Files.size(disk) : 0;
        }
        return new ForeignImage(name, disk, image.guid(), image.created(), image.number("createtxg"), bytes);
    }

    /** The live disk that a dataset is or was. */
    private Optional<Path> live(ZfsInventory inventory, DatasetName dataset) throws IOException {
        Optional<DatasetName> name = Optional.of(dataset).filter(store.names()::covers);
        if (ZfsNames.below(dataset, store.names().aside())) {
            name = inventory
                    .dataset(dataset)
                    .flatMap(record -> ZfsInventory.own(record, ZfsNames.LIVE))
                    .flatMap(ZfsNames::dataset)
                    .filter(store.names()::covers);
        }
        Optional<DatasetRecord> record = name.flatMap(inventory::dataset);
        if (record.isEmpty()) {
            return Optional.empty();
        }
        return record.get().type() == DatasetType.VOLUME ? name.map(ZvolDevices::path) : file(record.get());
    }

    /** The one file of a file system that is a disk. */
    private static Optional<Path> file(DatasetRecord dataset) throws IOException {
        if (!ZfsInventory.value(dataset, "mounted").filter("yes"::equals).isPresent()) {
            return Optional.empty();
        }
        Path mountPoint = Path.of(ZfsInventory.value(dataset, "mountpoint").orElseThrow());
        List<Path> files = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(mountPoint)) {
            entries.forEach(files::add);
        }
        return files.size() == 1 && Files.isRegularFile(files.get(0)) ? Optional.of(files.get(0)) : Optional.empty();
    }

    /** Takes a snapshot over as a whole: once the record stands on its first image, recovery goes on where this ends. */
    void adopt(Snapshot snapshot) throws IOException {
        List<SnapshotName> images = images(snapshot);
        store.programs().setProperties(images.get(0), ZfsRecord.of(snapshot));
        take(snapshot, images);
    }

    private List<SnapshotName> images(Snapshot snapshot) throws IOException {
        List<SnapshotName> images = new ArrayList<>();
        for (DiskImage image : snapshot.disks()) {
            if (image.store().equals(store.id())) {
                images.add(store.locate(image));
            }
        }
        return images;
    }

    private void take(Snapshot snapshot, List<SnapshotName> images) throws IOException {
        for (SnapshotName present : images) {
            SnapshotName own = ZfsNames.snapshot(present.dataset(), snapshot.id());
            if (!present.equals(own)) {
                // What prunes snapshots by name must not find it any more.
                store.core().rename(present, own.name());
            }
        }
        SnapshotName home = ZfsNames.snapshot(images.get(0).dataset(), snapshot.id());
        store.programs()
                .setProperties(
                        home,
                        Map.of(
                                ZfsNames.STATE,
                                ZfsNames.PUBLISHED,
                                ZfsNames.VM,
                                snapshot.vm().value()));
    }

    /** An image that is to be adopted, and bears the record that tells with which others. */
    static boolean beingAdopted(ZfsInventory.Image image) {
        return image.state().isEmpty()
                && image.recordValue(ZfsRecord.properties().get(0)) != null;
    }

    /**
     * Goes on with an adoption whose owner died.
     *
     * @return what was published by that
     */
    Optional<Snapshot> adoptRest(ZfsInventory.Image begun) throws IOException {
        Snapshot snapshot = ZfsRecord.read(begun.name(), begun::recordValue);
        try (VmLock lock = store.lock(snapshot.vm(), Duration.ZERO)) {
            // Its owner may have come to the end while this was looked for.
            if (store.inventory()
                    .image(begun.guid())
                    .filter(ZfsForeign::beingAdopted)
                    .isEmpty()) {
                return Optional.empty();
            }
            take(snapshot, images(snapshot));
            LOG.info("brought the adoption of {} to its end", snapshot.name());
            return Optional.of(snapshot);
        }
    }
}
