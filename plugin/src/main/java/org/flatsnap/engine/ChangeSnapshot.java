package org.flatsnap.engine;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.model.Labels;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Deletes snapshots, in any order, and changes their labels: first on storage, which is the truth, then in the catalog. */
final class ChangeSnapshot {
    private static final Logger LOG = LoggerFactory.getLogger(ChangeSnapshot.class);

    private final References references;
    private final Stores stores;
    private final Catalog catalog;

    ChangeSnapshot(References references, Stores stores, Catalog catalog) {
        this.references = references;
        this.stores = stores;
        this.catalog = catalog;
    }

    /** @param decided is given the snapshot right before it goes */
    Snapshot delete(String vm, String snapshot, Consumer<Snapshot> decided, Progress progress) {
        Snapshot named = named(vm, snapshot);
        progress.step("waiting for other work on VM " + named.vmName());
        try (VmLock lock = stores.lock(named.vm(), named.stores())) {
            References.refuseOther(named, references.ownSnapshot(named.vm(), snapshot));
            Snapshot present = present(named);
            refuseDeleting(present, vm);
            progress.step("freeing snapshot " + present.name());
            decided.accept(present);
            remove(present);
            return present;
        }
    }

    /** Whether storage has it no more. */
    boolean isGone(Snapshot snapshot) {
        return stores.require(snapshot.home())
                .read(snapshot.vm(), snapshot.id())
                .isEmpty();
    }

    /** Refuses to delete what somebody holds, or needs just now. */
    void refuseDeleting(Snapshot snapshot, String vm) {
        if (snapshot.labels().held()) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot delete snapshot " + snapshot.name(),
                    "it is held",
                    "Lift the hold first: flatsnap release " + vm + " " + snapshot.name());
        }
        refuseNeeded(snapshot);
    }

    private void refuseNeeded(Snapshot snapshot) {
        for (StoreId store : snapshot.stores()) {
            if (stores.require(store)
                    .intent(snapshot.vm())
                    .filter(intent -> intent.needs(snapshot.id()))
                    .isPresent()) {
                throw new Problem(
                        Code.BUSY,
                        "cannot delete snapshot " + snapshot.name(),
                        "a rollback that is not finished needs it",
                        "Try again when it is; 'flatsnap doctor' tells what it waits for");
            }
        }
    }

    /** Makes it invisible everywhere at once, then frees its room. The caller holds the VM's lock. */
    void remove(Snapshot snapshot) {
        // The home store first: with its copy the snapshot is gone, what remains elsewhere recovery removes.
        for (StoreId store : snapshot.stores()) {
            stores.require(store).unpublish(snapshot.vm(), snapshot.id());
        }
        try {
            catalog.remove(snapshot.id());
        } finally {
            // A catalog on the same file system may find no room before this makes some.
            snapshot.stores().forEach(store -> free(store, snapshot));
        }
    }

    private void free(StoreId store, Snapshot snapshot) {
        try {
            stores.require(store).free(snapshot.vm(), snapshot.id());
        } catch (Problem e) {
            LOG.warn("{}; it is tried again at the next start", e.getMessage());
        }
    }

    Snapshot relabel(String vm, String snapshot, UnaryOperator<Labels> change) {
        Snapshot named = named(vm, snapshot);
        try (VmLock lock = stores.lock(named.vm(), List.of(named.home()))) {
            References.refuseOther(named, references.ownSnapshot(named.vm(), snapshot));
            return relabelLocked(named, change);
        }
    }

    /** The same of one that nobody has to be able to name. */
    Snapshot relabelKnown(Snapshot named, UnaryOperator<Labels> change) {
        try (VmLock lock = stores.lock(named.vm(), List.of(named.home()))) {
            return relabelLocked(named, change);
        }
    }

    /** The caller holds the VM's lock. */
    Snapshot relabelLocked(Snapshot named, UnaryOperator<Labels> change) {
        Snapshot present = present(named);
        Snapshot changed = present.with(change.apply(present.labels()));
        stores.require(present.home()).replace(changed);
        catalog.put(changed);
        return changed;
    }

    private Snapshot named(String vm, String snapshot) {
        VmId id = references.vmId(vm);
        return references.ownSnapshot(id, snapshot);
    }

    /** The truth about it, which the catalog may have missed. */
    Snapshot present(Snapshot named) {
        Store home = stores.require(named.home());
        return home.read(named.vm(), named.id()).orElseThrow(() -> {
            catalog.remove(named.id());
            return new Problem(
                    Code.NOT_FOUND,
                    "unknown snapshot '" + named.name() + "'",
                    "it was deleted meanwhile",
                    "See 'flatsnap list'");
        });
    }
}
