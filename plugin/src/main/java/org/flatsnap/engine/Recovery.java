package org.flatsnap.engine;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.engine.GuardSnapshot.Replaced;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.store.DiskStamp;
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
    private static final Duration LOGGED_EVERY = Duration.ofSeconds(5);

    private final Stores stores;
    private final Manager manager;
    private final Catalog catalog;
    private final FinishRollback finishing;
    private final Operations operations;
    private final GuardSnapshot guarding;
    private final GuestNotes notes;
    private final Mirror mirror;
    private final RebuildCatalog rebuilding;
    private final Set<Store> due = ConcurrentHashMap.newKeySet();
    private final Set<Store> unclear = new HashSet<>();
    private final Set<OperationId> left = new HashSet<>();
    private final Set<VmId> stopped = new HashSet<>();

    Recovery(
            Stores stores,
            Manager manager,
            Catalog catalog,
            FinishRollback finishing,
            Operations operations,
            GuardSnapshot guarding,
            GuestNotes notes,
            Mirror mirror) {
        this.stores = stores;
        this.manager = manager;
        this.catalog = catalog;
        this.finishing = finishing;
        this.operations = operations;
        this.guarding = guarding;
        this.notes = notes;
        this.mirror = mirror;
        this.rebuilding = new RebuildCatalog(stores, catalog, this::dropOrphan);
    }

    /** At start: everything. What cannot be done yet, with libvirt away for one, is tried again by {@link #again}. */
    synchronized void start(Progress progress) {
        unclear.addAll(stores.open());
        notes.clearUnwritten();
        stopped.addAll(notes.open(Kind.STOP));
        stores.open().forEach(Recovery::listen);
        if (catalog.needsRebuild()) {
            Progress log = logged();
            long snapshots = rebuild(step -> {
                log.step(step);
                progress.step(step);
            });
            LOG.info("the catalog was made from the stores: {} snapshots", snapshots);
        } else {
            stores.open().forEach(this::reconcile);
        }
        settle();
    }

    /** A store that is used from now on: when this returns the catalog has what it has; what is left to do there is due. */
    synchronized void admit(Store store) {
        listen(store);
        reconcile(store);
        due.add(store);
    }

    /** From time to time: stores that have come back, rollbacks and leftovers that had to wait or that a dead host left. */
    synchronized void again() {
        heal();
        for (Store store : stores.openMissing()) {
            LOG.info("the store {} can be used again", store.place());
            listen(store);
            due.add(store);
        }
        settle();
    }

    /** Has a store looked at as a whole the next time. Does not wait. */
    void doubt(Store store) {
        due.add(store);
    }

    /** Has all stores looked at: the net below what is told of single changes. */
    void doubtAll() {
        due.addAll(stores.open());
    }

    /** What other hosts do from now on is told, so it is either seen by the look at the store that follows, or told. */
    private static void listen(Store store) {
        try {
            store.changes();
        } catch (Problem e) {
            LOG.warn("what other hosts do to {} is not seen yet: {}", store.place(), e.getMessage());
        }
    }

    private void settle() {
        for (Store store : stores.open()) {
            try {
                store.intents(problem -> LOG.error("{}", problem.getMessage()))
                        .forEach(intent -> finish(store, intent));
                if (store.clearAbandoned(this::exists)) {
                    // Who left this may have left more, and changes it did not tell of.
                    due.add(store);
                }
                lookAgain(store);
                if (unclear.contains(store)
                        && store.recover(
                                this::exists, snapshot -> mirror.follow(store, snapshot.vm(), snapshot.id()))) {
                    unclear.remove(store);
                }
            } catch (Problem e) {
                LOG.warn("the store {} is not in order yet: {}", store.place(), e.getMessage());
            } catch (RuntimeException e) {
                // A defect, or a file that nobody thought of, must not keep the other stores from being put in order.
                LOG.error("the store {} is not in order yet", store.place(), e);
            }
        }
        stopped.removeIf(this::started);
    }

    private void lookAgain(Store store) {
        // Removed first: what is doubted from here on is looked at another time.
        if (due.remove(store)) {
            unclear.add(store);
            reconcile(store);
        }
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
            Optional<VmLock> right = stores.lockRollbackIfFree(intent.vm(), intent.primary());
            if (right.isPresent()) {
                try (VmLock held = right.get()) {
                    finishWithRight(store, primary.get(), intent);
                }
            }
        } catch (Problem e) {
            LOG.warn("the rollback of VM {} has to wait: {}", intent.vm(), e.getMessage());
        }
    }

    /** Whoever decided it is not at it any more, and no other host is. */
    private void finishWithRight(Store store, Store primary, Intent intent) {
        Optional<Vm> vm = manager.find(intent.vm());
        boolean elsewhere =
                vm.isEmpty() && !intent.node().equals(finishing.node()) && FinishRollback.wantsManager(intent);
        if (elsewhere && left.contains(intent.operation())) {
            return;
        }
        Optional<VmLock> lock = stores.lockIfFree(intent.vm(), intent.stores());
        if (lock.isEmpty()) {
            return;
        }
        Intent decided;
        try (VmLock held = lock.get()) {
            // A kill while it was written may have left copies that differ; the primary's counts.
            Optional<Intent> standing =
                    primary.intent(intent.vm()).filter(copy -> copy.operation().equals(intent.operation()));
            if (standing.isEmpty()) {
                store.lift(intent);
                return;
            }
            vm.ifPresent(Recovery::refuseRunning);
            FinishRollback.refuseInUse(name(intent, vm), intent);
            decided = restaged(primary, vm.isPresent() ? guardedAgain(vm.get(), standing.get()) : standing.get());
            if (elsewhere) {
                finishing.refuseChanged(decided);
                finishing.swapDisks(decided);
                left.add(intent.operation());
                LOG.info(
                        "put the disks of VM {} in place; the end of its rollback is left to the host that has that VM,"
                                + " {} when it was decided",
                        intent.vm(),
                        intent.node());
                return;
            }
            finishing.swap(decided);
        }
        RollbackResult result =
                finishing.conclude(decided, step -> LOG.info("rollback of VM {}: {}", intent.vm(), step));
        LOG.info("finished the rollback of VM {} to {}", intent.vm(), intent.target());
        result.warnings().forEach(warning -> LOG.warn("rollback of VM {}: {}", intent.vm(), warning));
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
        // The intent may not name the first one any more afterwards.
        GuardSnapshot.decide(stores, intent);
        List<Replaced> files = changed.stream()
                .map(swap -> new Replaced(swap.disk(), swap.store(), Path.of(swap.live())))
                .toList();
        // Stamped before it is kept, so that a write in between is seen by the swap.
        Map<Intent.Swap, Optional<DiskStamp>> stamps = new HashMap<>();
        changed.forEach(swap -> stamps.put(swap, stores.require(swap.store()).stamp(Path.of(swap.live()))));
        // An operation of its own: the rollback's staging holds what is to be swapped in.
        Intent guarded = guarding.take(
                        OperationId.random(),
                        vm,
                        files,
                        "end of an interrupted rollback",
                        true,
                        step -> LOG.info("rollback of VM {}: {}", vm, step))
                .map(guard -> intent.guardedAgain(guard.id(), stamps))
                .orElse(intent);
        finishing.write(guarded);
        return guarded;
    }

    /** What was staged and then lost, by somebody's hand, would let the intent stand for ever. */
    private Intent restaged(Store primary, Intent intent) {
        List<Intent.Swap> swaps = new ArrayList<>();
        for (Intent.Swap swap : intent.swaps()) {
            swaps.add(stores.require(swap.store()).restage(intent, swap, () -> target(primary, intent)));
        }
        if (swaps.equals(intent.swaps())) {
            return intent;
        }
        Intent again = intent.with(swaps);
        finishing.write(again);
        return again;
    }

    private static Snapshot target(Store primary, Intent intent) {
        return primary.read(intent.vm(), intent.target())
                .orElseThrow(() -> new Problem(
                        Code.NOT_FOUND,
                        "cannot finish the rollback of VM " + intent.vm(),
                        "a staged disk is gone, and so is snapshot " + intent.target() + ", which it was made of",
                        "Bring back " + intent.target() + " on the store " + primary.place()));
    }

    /**
     * Makes the catalog anew from storage.
     *
     * @return how many snapshots it holds now
     */
    synchronized long rebuild(Progress progress) {
        return rebuilding.rebuild(progress);
    }

    /** Makes it anew if it is damaged or incomplete. */
    synchronized void heal() {
        if (catalog.needsRebuild()) {
            try {
                rebuild(logged());
                LOG.info("the catalog is whole again");
            } catch (Problem e) {
                LOG.error("the catalog is not whole yet: {}", e.getMessage());
            }
        }
    }

    private static Progress logged() {
        long[] due = {System.nanoTime() + LOGGED_EVERY.toNanos()};
        return step -> {
            if (System.nanoTime() > due[0]) {
                LOG.info("catalog: {}", step);
                due[0] = System.nanoTime() + LOGGED_EVERY.toNanos();
            }
        };
    }

    private void dropOrphan(Store store, Snapshot part) {
        Optional<Store> home = stores.find(part.home()).filter(other -> !other.equals(store));
        if (home.isEmpty()) {
            return;
        }
        try {
            if (home.get().read(part.vm(), part.id()).isPresent()) {
                return;
            }
            // Whoever holds it may be about to publish the rest.
            Optional<VmLock> lock = stores.lockIfFree(part.vm(), List.of(store.id(), part.home()));
            if (lock.isPresent()) {
                try (VmLock held = lock.get()) {
                    dropOrphanLocked(store, home.get(), part);
                }
            }
        } catch (Problem e) {
            LOG.warn("{} stays on {} for now: {}", part.id(), store.place(), e.getMessage());
        }
    }

    private static void dropOrphanLocked(Store store, Store home, Snapshot part) {
        if (home.read(part.vm(), part.id()).isEmpty()) {
            LOG.info("removing {} from {}: it was never complete", part.id(), store.place());
            store.unpublish(part.vm(), part.id());
            store.free(part.vm(), part.id());
        }
    }

    /**
     * Makes the catalog agree with one store, at any time: by ids alone, one VM after the other, reading only what it does not
     * know; on a shared store also what it knows, because another host may have changed it.
     */
    private void reconcile(Store store) {
        try {
            boolean shared = store.shared();
            Set<VmId> elsewhere = catalog.vmIds();
            int[] changed = new int[1];
            store.published((vm, published) -> {
                elsewhere.remove(vm);
                changed[0] += reconcile(store, vm, published, shared);
            });
            elsewhere.forEach(vm -> changed[0] += reconcile(store, vm, Set.of(), shared));
            if (changed[0] > 0) {
                LOG.info("catalog: {} snapshots of {} came, went or were changed", changed[0], store.place());
            }
        } catch (Problem e) {
            due.add(store);
            LOG.warn("the catalog may not show all of {}: {}", store.place(), e.getMessage());
        }
    }

    private int reconcile(Store store, VmId vm, Set<SnapshotId> published, boolean shared) {
        Set<SnapshotId> known = catalog.ids(vm);
        int changed = 0;
        for (SnapshotId id : published) {
            changed += (shared || !known.contains(id)) && learn(store, vm, id) ? 1 : 0;
        }
        for (SnapshotId id : known) {
            // What has its home elsewhere is looked for there, and what others took by others.
            Optional<Snapshot> gone = published.contains(id)
                    ? Optional.empty()
                    : catalog.find(id)
                            .filter(snapshot -> snapshot.home().equals(store.id()) && !snapshot.untouchable());
            if (gone.isPresent() && learn(store, vm, id)) {
                changed++;
                // Parts of it may be left, which the catalog has shown to be in order until now.
                gone.get().stores().stream()
                        .filter(part -> !part.equals(store.id()))
                        .forEach(part -> stores.find(part).ifPresent(due::add));
            }
        }
        return changed;
    }

    private boolean learn(Store store, VmId vm, SnapshotId id) {
        try {
            if (mirror.follow(store, vm, id)) {
                return true;
            }
            boolean atHome = catalog.find(id)
                    .filter(snapshot -> snapshot.home().equals(store.id()))
                    .isPresent();
            if (!atHome) {
                store.read(vm, id).ifPresent(part -> dropOrphan(store, part));
            }
            return false;
        } catch (Problem e) {
            LOG.error("{}", e.getMessage());
            return false;
        }
    }
}
