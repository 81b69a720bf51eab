package org.flatsnap.engine;

import java.util.Optional;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.flatsnap.store.Store;

/**
 * Makes the catalog say of single snapshots what storage says, while others may be changing them.
 *
 * <p>No lock is needed, so a long operation on a VM does not keep its other snapshots from being seen. Whoever changes a
 * snapshot changes storage first and then the catalog, and this looks at storage again after it changed the catalog: what
 * changed in between it finds, what changes later is followed by a later change of the catalog. Safe for use by several
 * threads.
 */
final class Mirror {
    private final Catalog catalog;

    Mirror(Catalog catalog) {
        this.catalog = catalog;
    }

    /**
     * Follows what was done to a snapshot. A part of one that has its home on another store is left to that.
     *
     * @return whether the catalog said something else
     */
    boolean follow(Store store, VmId vm, SnapshotId id) {
        Optional<Snapshot> known = catalog.find(id);
        Optional<Snapshot> truth = store.read(vm, id);
        if (known.or(() -> truth)
                .filter(snapshot -> !snapshot.home().equals(store.id()))
                .isPresent()) {
            return false;
        }
        if (truth.isPresent() && truth.equals(known)) {
            return false;
        }
        Optional<Snapshot> told;
        Optional<Snapshot> present = truth;
        do {
            told = present;
            // Also if it is unknown: a rebuild under way may have read it while it was there.
            told.ifPresentOrElse(catalog::put, () -> catalog.remove(id));
            present = store.read(vm, id);
        } while (!present.equals(told));
        return !told.equals(known);
    }
}
