package org.flatsnap.store;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZfsErrno;
import org.flatsnap.linux.zfs.ZfsException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frees what nobody wants any more: images of deleted snapshots, and what rollbacks set aside. A clone or a reader of an image
 * delays that; it is tried again.
 */
final class ZfsAsides {
    private static final Logger LOG = LoggerFactory.getLogger(ZfsAsides.class);

    private final ZfsStore store;

    ZfsAsides(ZfsStore store) {
        this.store = store;
    }

    /** Destroys images of one snapshot, all or none; those with clones go with the last of them. */
    void free(List<SnapshotName> images) throws IOException {
        if (!images.isEmpty() && attempt("free " + images, () -> store.core().destroySnapshots(images, true))) {
            for (SnapshotName image : images) {
                if (ZfsNames.below(image.dataset(), store.names().aside())) {
                    settle(store.inventory());
                    return;
                }
            }
        }
    }

    /** Removes each dataset aside of which nobody wants more than what was before the snapshot rolled back to. */
    void settle(ZfsInventory inventory) throws IOException {
        List<Intent> standing = store.intents(problem -> LOG.warn("{}", problem.getMessage()));
        for (DatasetName aside : inventory.datasets()) {
            if (isAside(inventory, aside) && inventory.removed(aside)) {
                freeForeign(inventory, aside);
            }
            boolean needed = standing.stream().anyMatch(intent -> ZfsNames.by(intent.operation(), aside));
            if (isAside(inventory, aside) && !needed && unwanted(inventory, aside)) {
                // Only what is still so when nothing moves any more.
                store.renaming(() -> settle(aside));
            }
        }
    }

    /** What others took of a disk went with the disk; with them, an heir would have snapshots that are not its own. */
    private void freeForeign(ZfsInventory inventory, DatasetName aside) throws IOException {
        List<SnapshotName> images = inventory.images(aside).stream()
                .filter(image -> inventory.foreign(image) && !image.going())
                .map(ZfsInventory.Image::name)
                .toList();
        if (!images.isEmpty()) {
            attempt("free " + images, () -> store.core().destroySnapshots(images, true));
        }
    }

    /** Directly below, so not what somebody has put below a disk; and put there by a rollback or a removal. */
    private boolean isAside(ZfsInventory inventory, DatasetName dataset) {
        return dataset.parent().filter(store.names().aside()::equals).isPresent()
                && inventory
                        .dataset(dataset)
                        .flatMap(record -> ZfsInventory.own(record, ZfsNames.LIVE))
                        .isPresent();
    }

    private static boolean unwanted(ZfsInventory inventory, DatasetName aside) {
        List<ZfsInventory.Image> images = inventory.images(aside);
        return images.subList(keptBelow(inventory, aside), images.size()).stream()
                .noneMatch(inventory::wanted);
    }

    private void settle(DatasetName aside) throws IOException {
        ZfsInventory inventory = store.inventory();
        while (inventory.dataset(aside).isPresent() && unwanted(inventory, aside) && settle(inventory, aside)) {
            inventory = store.inventory();
        }
    }

    /** @return whether it came one step further */
    private boolean settle(ZfsInventory inventory, DatasetName aside) throws IOException {
        List<ZfsInventory.Image> images = inventory.images(aside);
        int kept = keptBelow(inventory, aside);
        if (kept > 0) {
            Optional<DatasetName> heir =
                    heir(inventory, aside, images.get(kept - 1).name());
            boolean anyWanted = images.subList(0, kept).stream().anyMatch(inventory::wanted);
            if (heir.isEmpty()) {
                // Somebody reads it.
                store.waiting();
                return false;
            }
            if (anyWanted && !isLive(inventory, aside, heir.get())) {
                return false;
            }
            return attempt("hand " + aside + " over to " + heir.get(), () -> store.core()
                    .promote(heir.get()));
        }
        return attempt("remove " + aside, () -> {
            if (!images.isEmpty()) {
                store.core()
                        .destroySnapshots(
                                images.stream().map(ZfsInventory.Image::name).toList(), false);
            }
            store.destroy(aside);
            LOG.info("removed {}: nobody wants anything of it any more", aside);
        });
    }

    /** How many images, the oldest ones, others were cloned from or stand before such a one. */
    static int keptBelow(ZfsInventory inventory, DatasetName dataset) {
        List<ZfsInventory.Image> images = inventory.images(dataset);
        int kept = images.size();
        while (kept > 0 && !inventory.cloned(images.get(kept - 1).name())) {
            kept--;
        }
        return kept;
    }

    /** A lasting dataset that was cloned from this image. */
    private Optional<DatasetName> heir(ZfsInventory inventory, DatasetName aside, SnapshotName image) {
        return inventory.dependents(aside).stream()
                .filter(other -> inventory.origin(other).filter(image::equals).isPresent())
                .filter(other -> !ZfsNames.below(other, store.names().readers())
                        && !ZfsNames.below(other, store.names().staged()))
                .min(Comparator.comparing(other -> !isLive(inventory, aside, other)));
    }

    /** Whether this is the disk in whose place the other one was before, so that its snapshots may be its own again. */
    private boolean isLive(ZfsInventory inventory, DatasetName aside, DatasetName other) {
        return inventory
                        .dataset(aside)
                        .flatMap(record -> ZfsInventory.own(record, ZfsNames.LIVE))
                        .filter(other.toString()::equals)
                        .isPresent()
                || ZfsNames.below(other, store.names().aside());
    }

    private boolean attempt(String what, FiledStore.Work work) throws IOException {
        try {
            work.run();
            return true;
        } catch (ZfsException e) {
            if (e.is(ZfsErrno.EBUSY) || e.is(ZfsErrno.EEXIST)) {
                LOG.info("cannot {} yet: {}", what, e.why());
                if (e.is(ZfsErrno.EBUSY)) {
                    // A reader ends soon; a name that both have, or a clone, may stay for long.
                    store.waiting();
                }
                return false;
            }
            throw e;
        }
    }
}
