package org.flatsnap.engine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.engine.GuardSnapshot.Replaced;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.OperationId;
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
    private final GuardSnapshot guarding;
    private final GuestNotes notes;
    private final Set<Store> unclear = new HashSet<>();
    private final Set<VmId> stopped = new HashSet<>();

    Recovery(
            Stores stores,
            Manager manager,
            Catalog catalog,
            FinishRollback finishing,
            Operations operations,
            GuardSnapshot guarding,
            GuestNotes notes) {
        this.stores = stores;
        this.manager = manager;
        this.catalog = catalog;
        this.finishing = finishing;
        this.operations = operations;
        this.guarding = guarding;
        this.notes = notes;
    }

    /** At start: everything. What cannot be done yet, with libvirt away for one, is tried again by {@link #again}. */
    synchronized void start() {
        unclear.addAll(stores.open());
        stopped.addAll(notes.open(Kind.STOP));
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
            LOG.info("the store {} can be used again", store.place());
            unclear.add(store);
            reconcile(store);
        }
        settle();
    }

    private void settle() {
        for (Store store : stores.open()) {
            try {
                store.intents(problem -> LOG.error("{}", problem.getMessage()))
                        .forEach(intent -> finish(store, intent));
                if (store.clearAbandoned(this::exists)) {
                    unclear.add(store);
                }
                if (unclear.contains(store) && store.recover(this::exists)) {
                    unclear.remove(store);
                }
            } catch (Problem e) {
                LOG.warn("the store {} is not in order yet: {}", store.place(), e.getMessage());
            }
        }
        stopped.removeIf(this::started);
    }

    /** A VM that a killed daemon had stopped for a rollback: the rollback starts it if it was decided, else this does. */
    private boolean started(VmId vm) {
        try {
            for (Store store : stores.open()) {
                if (store.intent(vm).isPresent()) {
                    return false;
                }
            }
            Optional<Vm> present = manager.find(vm);
            if (notes.contains(vm, Kind.STOP)
                    && present.map(Vm::state).filter(VmState.OFF::equals).isPresent()) {
                LOG.warn("VM {} was stopped for a rollback that was not done: starting it again", vm);
                manager.start(vm);
            }
            notes.end(vm, Kind.STOP);
            return true;
        } catch (Problem e) {
            LOG.warn("VM {} was stopped for a rollback and is not started again yet: {}", vm, e.getMessage());
            return false;
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
            Optional<Vm> vm = manager.find(intent.vm());
            if (vm.isEmpty() && !intent.node().equals(finishing.node())) {
                LOG.info("the rollback of VM {} is left to host {}, which has that VM", intent.vm(), intent.node());
                return;
            }
            Intent decided;
            try (VmLock lock = stores.lock(intent.vm(), intent.stores())) {
                if (primary.get().intent(intent.vm()).filter(intent::equals).isEmpty()) {
                    store.lift(intent);
                    return;
                }
                vm.ifPresent(Recovery::refuseRunning);
                FinishRollback.refuseInUse(name(intent, vm), intent);
                decided = vm.isPresent() ? guardedAgain(vm.get(), intent) : intent;
                finishing.swap(decided);
            }
            RollbackResult result =
                    finishing.conclude(decided, step -> LOG.info("rollback of VM {}: {}", intent.vm(), step));
            LOG.info("finished the rollback of VM {} to {}", intent.vm(), intent.target());
            result.warnings().forEach(warning -> LOG.warn("rollback of VM {}: {}", intent.vm(), warning));
        } catch (Problem e) {
            LOG.warn("the rollback of VM {} has to wait: {}", intent.vm(), e.getMessage());
        }
    }

    private static String name(Intent intent, Optional<Vm> vm) {
        return vm.map(present -> present.name().value()).orElse(intent.vm().value());
    }

    private static void refuseRunning(Vm vm) {
        if (vm.state() != VmState.OFF) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot finish the rollback of VM " + vm,
                    "it was started although the rollback stands (is the libvirt hook installed?)",
                    "Shut it down");
        }
        FinishRollback.refuseSavedMemory(vm);
    }

    /** What was written to the disks since the guard is kept in another guard before it is replaced. */
    private Intent guardedAgain(Vm vm, Intent intent) {
        List<Intent.Swap> changed = finishing.changed(intent);
        if (changed.isEmpty()) {
            return intent;
        }
        LOG.warn("disks of VM {} were written to while its rollback stood: keeping them in another guard", vm);
        List<Replaced> files = changed.stream()
                .map(swap -> new Replaced(swap.disk(), swap.store(), Path.of(swap.live())))
                .toList();
        // Stamped before it is kept, so that a write in between is seen by the swap.
        List<Intent.Swap> stamped = intent.swaps().stream()
                .map(swap -> changed.contains(swap)
                        ? swap.guardedAs(stores.require(swap.store()).stamp(Path.of(swap.live())))
                        : swap)
                .toList();
        // An operation of its own: the rollback's staging holds what is to be swapped in.
        Intent guarded = guarding.take(
                        OperationId.random(),
                        vm,
                        files,
                        "end of an interrupted rollback",
                        true,
                        step -> LOG.info("rollback of VM {}: {}", vm, step))
                .map(guard -> intent.with(guard.id(), stamped))
                .orElse(intent);
        finishing.write(guarded);
        return guarded;
    }

    /** Makes the catalog anew from storage. Snapshots on stores that are out of reach stay as the catalog had them. */
    synchronized long rebuild(Progress progress) {
        List<Store> reachable = stores.open().stream().filter(Recovery::answers).toList();
        Set<StoreId> ids = reachable.stream().map(Store::id).collect(Collectors.toSet());
        List<Snapshot> elsewhere = new ArrayList<>();
        everySnapshot(snapshot -> {
            if (!ids.contains(snapshot.home()) && !snapshot.untouchable()) {
                elsewhere.add(snapshot);
            }
        });
        long[] count = new long[1];
        Stream<Snapshot> read = reachable.stream().flatMap(this::complete).peek(snapshot -> {
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

    /** An unmounted store is away, not empty: what the catalog knows of it stays. */
    private static boolean answers(Store store) {
        try {
            store.published();
            return true;
        } catch (Problem e) {
            LOG.warn("the catalog keeps what it knows of {}: {}", store.place(), e.getMessage());
            return false;
        }
    }

    /** The snapshots whose home is this store. Parts of those whose home does not have them were never published: they go. */
    private Stream<Snapshot> complete(Store store) {
        return store.scan(problem -> LOG.error("{}", problem.getMessage())).filter(snapshot -> {
            if (snapshot.home().equals(store.id())) {
                return true;
            }
            dropOrphan(store, snapshot);
            return false;
        });
    }

    private void dropOrphan(Store store, Snapshot part) {
        Optional<Store> home = stores.find(part.home());
        if (home.isEmpty()) {
            return;
        }
        try (VmLock lock = stores.lock(part.vm(), List.of(store.id(), part.home()))) {
            if (home.get().read(part.vm(), part.id()).isEmpty()) {
                LOG.info("removing {} from {}: it was never complete", part.id(), store.place());
                store.unpublish(part.vm(), part.id());
                store.free(part.vm(), part.id());
            }
        } catch (Problem e) {
            LOG.warn("{} stays on {} for now: {}", part.id(), store.place(), e.getMessage());
        }
    }

    /** Makes the catalog agree with one store by ids alone, reading only what it does not know. */
    private void reconcile(Store store) {
        try {
            Map<SnapshotId, VmId> published = store.published();
            List<SnapshotId> gone = new ArrayList<>();
            everySnapshot(snapshot -> {
                if (snapshot.home().equals(store.id())
                        && published.remove(snapshot.id()) == null
                        && !snapshot.untouchable()) {
                    gone.add(snapshot.id());
                }
            });
            gone.forEach(catalog::remove);
            int came = 0;
            for (Map.Entry<SnapshotId, VmId> entry : published.entrySet()) {
                came += learn(store, entry.getValue(), entry.getKey()) ? 1 : 0;
            }
            if (came > 0 || !gone.isEmpty()) {
                LOG.info("catalog: {} snapshots of {} came, {} went", came, store.place(), gone.size());
            }
        } catch (Problem e) {
            LOG.warn("the catalog may not show all of {}: {}", store.place(), e.getMessage());
        }
    }

    private boolean learn(Store store, VmId vm, SnapshotId id) {
        try {
            Optional<Snapshot> snapshot = store.read(vm, id);
            if (snapshot.isEmpty()) {
                return false;
            }
            if (!snapshot.get().home().equals(store.id())) {
                dropOrphan(store, snapshot.get());
                return false;
            }
            catalog.put(snapshot.get());
            return true;
        } catch (Problem e) {
            LOG.error("{}", e.getMessage());
            return false;
        }
    }

    private void everySnapshot(Consumer<Snapshot> visitor) {
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
