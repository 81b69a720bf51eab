package org.flatsnap.engine;

import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.flatsnap.model.Problem;
import org.flatsnap.store.Changes;
import org.flatsnap.store.Store;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings into the catalog what other hosts do to the stores that are shared with them. For one thread, on which nothing waits
 * for a VM or a manager: a snapshot taken elsewhere is seen here a second later whatever else is going on.
 */
final class FollowOthers {
    private static final Logger LOG = LoggerFactory.getLogger(FollowOthers.class);

    private final Stores stores;
    private final Mirror mirror;
    private final Consumer<Store> reconcile;
    private final Set<Store> failing = new HashSet<>();

    /** @param reconcile has the whole of a store looked at, by another thread */
    FollowOthers(Stores stores, Mirror mirror, Consumer<Store> reconcile) {
        this.stores = stores;
        this.mirror = mirror;
        this.reconcile = reconcile;
    }

    void run() {
        for (Store store : stores.open()) {
            try {
                Changes changes = store.changes();
                if (changes.everything()) {
                    reconcile.accept(store);
                }
                changes.snapshots().forEach((id, vm) -> {
                    try {
                        mirror.follow(store, vm, id);
                    } catch (Problem e) {
                        LOG.error("the catalog may not show what became of snapshot {}: {}", id, e.getMessage());
                        reconcile.accept(store);
                    }
                });
                failing.remove(store);
            } catch (Problem e) {
                if (failing.add(store)) {
                    LOG.warn("what other hosts do to {} is not seen: {}", store.place(), e.getMessage());
                }
            }
        }
    }
}
