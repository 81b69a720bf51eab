package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What interrupted operations left in a ZFS store: by the owner that each thing names. */
final class ZfsLeftovers {
    private static final Logger LOG = LoggerFactory.getLogger(ZfsLeftovers.class);

    private final ZfsStore store;
    private final Predicate<VmId> exists;
    private final Consumer<Snapshot> published;

    /**
     * @param exists whether a VM is defined on this host
     * @param published told of each snapshot whose adoption this brings to its end
     */
    ZfsLeftovers(ZfsStore store, Predicate<VmId> exists, Consumer<Snapshot> published) {
        this.store = store;
        this.exists = exists;
        this.published = published;
    }

    /** @return false if something stays until {@code exists} can tell */
    boolean clear() throws IOException {
        ZfsInventory inventory = store.inventory();
        boolean[] clear = {true};
        for (String owner : owners(inventory)) {
            each("what " + owner + " left", () -> clear[0] &= clearOwner(owner));
        }
        for (ZfsInventory.Image home : inventory.homes().values()) {
            if (home.in(ZfsNames.DELETED) && home.vm().isPresent() && !home.going()) {
                each(
                        home.name().toString(),
                        () -> store.free(home.vm().get(), home.id().orElseThrow()));
            }
        }
        each("what is left of unwritten intents", store::clearUnwrittenIntents);
        for (ZfsInventory.Image image : inventory.images()) {
            if (ZfsForeign.beingAdopted(image)) {
                each(
                        image.name().toString(),
                        () -> new ZfsForeign(store).adoptRest(image).ifPresent(published));
            }
        }
        for (DatasetName dataset : inventory.datasets()) {
            each(dataset.toString(), () -> clearReader(inventory, dataset));
        }
        each("files of freed snapshots", () -> clearFiles(inventory));
        // What was wanted by then and is not any more was settled by whoever freed it.
        each("what stands aside", () -> new ZfsAsides(store).settle(inventory));
        return clear[0];
    }

    /** One thing that cannot be cleared does not keep the others. */
    private void each(String what, FiledStore.Work work) {
        try {
            work.run();
        } catch (Problem | IOException e) {
            LOG.warn("{} stays for now: {}", what, e.getMessage());
            store.waiting();
        }
    }

    private void clearReader(ZfsInventory inventory, DatasetName dataset) throws IOException {
        Optional<String> reader =
                inventory.dataset(dataset).flatMap(record -> ZfsInventory.own(record, ZfsNames.READER));
        if (reader.isPresent() && !ZfsReaders.lives(reader.get())) {
            if (ZfsNames.below(dataset, store.names().readers())) {
                store.destroy(dataset);
            } else if (!ZfsReaders.hide(store, dataset, reader.get())) {
                store.waiting();
                return;
            }
            LOG.info("took back {}, left by a process that read it", dataset);
        }
    }

    /** Saved files whose snapshot was freed, or goes with what was cloned from it. */
    private void clearFiles(ZfsInventory inventory) throws IOException {
        for (Path vm : Layout.entries(store.layout().vms())) {
            for (Path directory : Layout.entries(vm)) {
                String name = directory.getFileName().toString();
                if (SnapshotId.looksLikeOne(name) && isGone(inventory, new SnapshotId(name))) {
                    clearFiles(new SnapshotId(name), directory);
                }
            }
        }
    }

    private static boolean isGone(ZfsInventory inventory, SnapshotId snapshot) {
        ZfsInventory.Image home = inventory.homes().get(snapshot);
        return home == null ? inventory.images(snapshot).isEmpty() : home.in(ZfsNames.DELETED);
    }

    private void clearFiles(SnapshotId snapshot, Path files) throws IOException {
        VmId vm = new VmId(files.getParent().getFileName().toString());
        try (VmLock lock = store.lock(vm, Duration.ZERO)) {
            // Looked at only now: images are there before files are saved for them, and a snapshot may be new.
            if (isGone(store.inventory(), snapshot)) {
                Staging.deleteTree(files);
            }
        }
    }

    private Set<String> owners(ZfsInventory inventory) throws IOException {
        Set<String> owners = new HashSet<>();
        for (Path directory : Layout.entries(store.layout().staging())) {
            owners.add(directory.getFileName().toString());
        }
        inventory.images().stream().filter(inventory::unpublished).forEach(image -> ZfsInventory.own(
                        image.record(), ZfsNames.OWNER)
                .ifPresent(owners::add));
        for (DatasetName dataset : inventory.datasets()) {
            owner(inventory, dataset).ifPresent(owners::add);
        }
        return owners;
    }

    private Optional<String> owner(ZfsInventory inventory, DatasetName dataset) {
        return inventory.dataset(dataset).flatMap(record -> {
            // What stands aside keeps the mark of its removal.
            Optional<String> owner = ZfsNames.below(dataset, store.names().staged())
                            || store.names().covers(dataset)
                    ? ZfsInventory.own(record, ZfsNames.OWNER)
                    : Optional.empty();
            return owner.or(() -> ZfsInventory.own(record, ZfsNames.CLONE)
                    .flatMap(ZfsCloneOut.Purpose::parse)
                    .map(ZfsCloneOut.Purpose::owner));
        });
    }

    private boolean clearOwner(String owner) throws IOException {
        Optional<Path> place = store.layout().staging(owner);
        if (place.isEmpty()) {
            LOG.warn(
                    "a dataset of {} says that '{}' made it, which is none of flatsnap's; it stays",
                    store.place(),
                    owner);
            return true;
        }
        Path directory = place.get();
        // Made where it is gone, so that nobody begins this operation anew meanwhile.
        Optional<Staging> abandoned =
                Files.exists(directory) ? Staging.adopt(directory) : Optional.of(Staging.create(directory));
        if (abandoned.isEmpty()) {
            // It lives and will clear its own.
            return true;
        }
        try (Staging staging = abandoned.get()) {
            try {
                if (!clearWorks(owner)) {
                    staging.keep();
                }
                return true;
            } catch (Problem e) {
                staging.keep();
                LOG.warn("{} stays until it can be told what it belongs to: {}", directory, e.getMessage());
                return false;
            }
        }
    }

    /** @return false if the owner's works stay: an intent names them, or only another host can tell */
    private boolean clearWorks(String owner) throws IOException {
        // Looked at only now: an intent is written before its staging is let go.
        if (wanted(owner)) {
            return false;
        }
        ZfsInventory inventory = store.inventory();
        List<SnapshotName> images = new ArrayList<>();
        for (ZfsInventory.Image image : inventory.images()) {
            if (inventory.unpublished(image)
                    && ZfsInventory.own(image.record(), ZfsNames.OWNER)
                            .filter(owner::equals)
                            .isPresent()) {
                images.add(image.name());
            }
        }
        if (!images.isEmpty()) {
            store.core().destroySnapshots(images, true);
            LOG.info("destroyed {}, left by an interrupted operation", images);
        }
        boolean clear = true;
        for (DatasetName dataset : inventory.datasets()) {
            if (owner(inventory, dataset).filter(owner::equals).isPresent()) {
                Optional<DatasetName> place =
                        inventory.dataset(dataset).flatMap(record -> ZfsRemovals.place(store.names(), dataset, record));
                Optional<ZfsCloneOut.Purpose> purpose = inventory
                        .dataset(dataset)
                        .flatMap(record -> ZfsInventory.own(record, ZfsNames.CLONE))
                        .flatMap(ZfsCloneOut.Purpose::parse);
                if (purpose.isPresent()) {
                    clear &= purpose.get().settle(store, dataset, exists);
                } else if (place.isPresent()) {
                    new ZfsRemovals(store).finish(dataset, place.get());
                } else if (ZfsNames.below(dataset, store.names().staged())) {
                    store.destroy(dataset);
                } else {
                    // A disk that had come to its place before its owner died.
                    store.programs().inherit(dataset, ZfsNames.OWNER);
                }
                LOG.info("settled {}, left by an interrupted operation", dataset);
            }
        }
        return clear;
    }

    private boolean wanted(String owner) {
        List<Problem> damaged = new ArrayList<>();
        boolean named =
                store.intents(damaged::add).stream().anyMatch(intent -> owner.endsWith("-" + intent.operation()));
        // An intent that cannot be read may name it.
        return named || !damaged.isEmpty();
    }
}
