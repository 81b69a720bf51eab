package org.flatsnap.engine;

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

/** Deletes snapshots, in any order, and changes their labels: first on storage, which is the truth, then in the catalog. */
final class ChangeSnapshot {
    private final References references;
    private final Stores stores;
    private final Catalog catalog;

    ChangeSnapshot(References references, Stores stores, Catalog catalog) {
        this.references = references;
        this.stores = stores;
        this.catalog = catalog;
    }

    Snapshot delete(String vm, String snapshot, Progress progress) {
        Snapshot named = named(vm, snapshot);
        progress.step("waiting for other work on VM " + named.vmName());
        try (VmLock lock = stores.lock(named.vm(), named.stores())) {
            Snapshot present = present(named);
            if (present.labels().held()) {
                throw new Problem(
                        Code.REFUSED,
                        "cannot delete snapshot " + present.name(),
                        "it is held",
                        "Lift the hold first: flatsnap release " + vm + " " + present.name());
            }
            progress.step("freeing snapshot " + present.name());
            // The home store first: with its copy the snapshot is gone, what remains elsewhere is cleared by recovery.
            for (StoreId store : present.stores()) {
                stores.require(store).delete(present.vm(), present.id());
            }
            catalog.remove(present.id());
            return present;
        }
    }

    Snapshot relabel(String vm, String snapshot, UnaryOperator<Labels> change) {
        Snapshot named = named(vm, snapshot);
        try (VmLock lock = stores.lock(named.vm(), java.util.List.of(named.home()))) {
            Snapshot present = present(named);
            Snapshot changed = present.with(change.apply(present.labels()));
            stores.require(present.home()).replace(changed);
            catalog.put(changed);
            return changed;
        }
    }

    private Snapshot named(String vm, String snapshot) {
        VmId id = references.vmId(vm);
        return references.snapshot(id, snapshot);
    }

    /** The truth about it, which the catalog may have missed. */
    private Snapshot present(Snapshot named) {
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
