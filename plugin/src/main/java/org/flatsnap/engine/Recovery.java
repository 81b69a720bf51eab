package org.flatsnap.engine;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.linux.OpenFiles;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings stores and catalog into order after whatever happened: finishes rollbacks that were decided, clears what unfinished
 * operations left, and makes the catalog say what storage says.
 */
final class Recovery {
    private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);

    private final Stores stores;
    private final Manager manager;
    private final Catalog catalog;
    private final FinishRollback finishing;
    private final Operations operations;
    private final Set<Store> unclear = new HashSet<>();

    Recovery(Stores stores, Manager manager, Catalog catalog, FinishRollback finishing, Operations operations) {
        this.stores = stores;
        this.manager = manager;
        this.catalog = catalog;
        this.finishing = finishing;
        this.operations = operations;
    }

    /** At start: everything. What cannot be done yet, with libvirt away for one, is tried again by {@link #again}. */
    synchronized void start() {
        unclear.addAll(stores.open());
        if (catalog.needsRebuild()) {
            rebuild(step -> LOG.info("catalog: {}", step));
        } else {
            stores.open().forEach(this::reconcile);
        }
        settle();
    }

    /** From time to time: stores that have come back, rollbacks and leftovers that had to wait. */
    synchronized void again() {
        for (Store store : stores.openMissing()) {
            LOG.info("the store {} can be used again", store.root());
            unclear.add(store);
            reconcile(store);
        }
        settle();
    }

    private void settle() {
        for (Store store : stores.open()) {
            try {
                store.intents().forEach(intent -> finish(store, intent));
                if (unclear.contains(store) && store.recover(this::exists)) {
                    unclear.remove(store);
                }
            } catch (Problem e) {
                LOG.warn("the store {} is not in order yet: {}", store.root(), e.getMessage());
            }
        }
    }

    private boolean exists(VmId vm) {
        return manager.find(vm).isPresent();
    }

    private void finish(Store store, Intent intent) {
        if (operations.status(intent.operation()).isPresent()) {
            // Its own thread is at it.
            return;
        }
        try {
            Optional<Store> primary = stores.find(intent.primary());
            if (primary.isEmpty()) {
                LOG.warn("the rollback of VM {} waits for the store {}", intent.vm(), intent.primary());
                return;
            }
            try (VmLock lock = stores.lock(intent.vm(), intent.stores())) {
                if (!primary.get().intents().contains(intent)) {
                    store.lift(intent);
                    return;
                }
                refuseInUse(intent);
                finishing.swap(intent);
            }
            RollbackResult result =
                    finishing.conclude(intent, step -> LOG.info("rollback of VM {}: {}", intent.vm(), step));
            LOG.info("finished the rollback of VM {} to {}", intent.vm(), intent.target());
            result.warnings().forEach(warning -> LOG.warn("rollback of VM {}: {}", intent.vm(), warning));
        } catch (Problem e) {
            LOG.warn("the rollback of VM {} has to wait: {}", intent.vm(), e.getMessage());
        }
    }

    private void refuseInUse(Intent intent) {
        String what = "cannot finish the rollback of VM " + intent.vm();
        if (manager.find(intent.vm()).map(Vm::state).orElse(VmState.OFF) != VmState.OFF) {
            throw new Problem(
                    Code.REFUSED,
                    what,
                    "it was started although the rollback stands (is the libvirt hook installed?)",
                    "Shut it down");
        }
        for (Intent.Swap swap : intent.swaps()) {
            try {
                if (!OpenFiles.writers(java.nio.file.Path.of(swap.live())).isEmpty()) {
                    throw new Problem(Code.REFUSED, what, swap.live() + " is open for writing", "End who writes to it");
                }
            } catch (java.io.IOException e) {
                throw new Problem(Code.UNAVAILABLE, what, String.valueOf(e.getMessage()), "Run flatsnapd as root", e);
            }
        }
    }

    /** Makes the catalog anew from storage. Snapshots on stores that are out of reach stay as the catalog had them. */
    synchronized long rebuild(Progress progress) {
        Set<StoreId> reachable = stores.open().stream().map(Store::id).collect(Collectors.toSet());
        List<Snapshot> elsewhere = new ArrayList<>();
        everySnapshot(snapshot -> {
            if (!reachable.contains(snapshot.home())) {
                elsewhere.add(snapshot);
            }
        });
        long[] count = new long[1];
        Stream<Snapshot> read = stores.open().stream().flatMap(this::complete).peek(snapshot -> {
            count[0]++;
            if (count[0] % 1000 == 0) {
                progress.step("read " + count[0] + " snapshots");
            }
        });
        try (Stream<Snapshot> all = Stream.concat(read, elsewhere.stream())) {
            Iterator<Snapshot> iterator = all.iterator();
            catalog.replaceAll(iterator);
        }
        progress.step("read " + count[0] + " snapshots");
        return count[0] + elsewhere.size();
    }

    /** The snapshots whose home is this store. Parts of those whose home does not have them were never published: they go. */
    private Stream<Snapshot> complete(Store store) {
        return store.scan(problem -> LOG.error("{}", problem.getMessage())).filter(snapshot -> {
            if (snapshot.home().equals(store.id())) {
                return true;
            }
            stores.find(snapshot.home()).ifPresent(home -> dropOrphan(store, home, snapshot));
            return false;
        });
    }

    private void dropOrphan(Store store, Store home, Snapshot part) {
        try (VmLock lock = stores.lock(part.vm(), List.of(store.id(), home.id()))) {
            if (home.read(part.vm(), part.id()).isEmpty()) {
                LOG.info("removing {} from {}: it was never complete", part.id(), store.root());
                store.delete(part.vm(), part.id());
            }
        }
    }

    /** Makes the catalog agree with one store by ids alone, reading only what it does not know. */
    private void reconcile(Store store) {
        try {
            Map<SnapshotId, VmId> published = store.published();
            List<SnapshotId> gone = new ArrayList<>();
            everySnapshot(snapshot -> {
                if (snapshot.home().equals(store.id()) && published.remove(snapshot.id()) == null) {
                    gone.add(snapshot.id());
                }
            });
            gone.forEach(catalog::remove);
            published.forEach((id, vm) -> store.read(vm, id)
                    .filter(snapshot -> snapshot.home().equals(store.id()))
                    .ifPresent(catalog::put));
            if (!gone.isEmpty() || !published.isEmpty()) {
                LOG.info("catalog: {} snapshots of {} came, {} went", published.size(), store.root(), gone.size());
            }
        } catch (Problem e) {
            LOG.warn("the catalog may not show all of {}: {}", store.root(), e.getMessage());
        }
    }

    private void everySnapshot(java.util.function.Consumer<Snapshot> visitor) {
        SnapshotQuery query = SnapshotQuery.ALL.limitedTo(1000);
        while (true) {
            Page page = catalog.query(query);
            page.snapshots().forEach(visitor);
            if (page.next().isEmpty()) {
                return;
            }
            query = query.from(page.next().get());
        }
    }
}
