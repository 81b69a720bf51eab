package org.flatsnap.engine;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.CatalogListener;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.manager.Manager;
import org.flatsnap.manager.SnapshotKeeper;
import org.flatsnap.manager.SnapshotKeeper.Kept;
import org.flatsnap.manager.SnapshotKeeper.Tree;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Tag;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.flatsnap.store.VmLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes, deletes and goes back to snapshots where the manager does that itself and asks flatsnap for each disk's, and keeps
 * what flatsnap knows of them in step with what the manager knows.
 *
 * <p>The manager asks while it is waited for, so no lock of a VM is held then: it would be flatsnap that flatsnap waits for.
 * What has been begun is noted before, so that a retry after a kill finds it.
 */
final class KeptSnapshots {
    private static final Logger LOG = LoggerFactory.getLogger(KeptSnapshots.class);

    /** Within what Proxmox VE takes for a name. */
    private static final DateTimeFormatter NAME_FROM_TIME =
            DateTimeFormatter.ofPattern("'snap-'uuuu-MM-dd_HH-mm-ss-SSS");

    /** What the manager does not know after this time, it has given up. */
    private static final Duration FORGOTTEN = Duration.ofMinutes(1);

    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final Duration LOOK = Duration.ofMillis(500);
    private static final long NEVER = -1;

    private final SnapshotKeeper keeper;
    private final Manager manager;
    private final References references;
    private final Stores stores;
    private final Catalog catalog;
    private final ChangeSnapshot changing;
    private final GuardSnapshot guarding;
    private final FinishRollback finishing;
    private final Operations operations;
    private final GuestNotes notes;
    private final Clock clock;
    private final Duration stopPatience;

    private final AtomicLong changes = new AtomicLong();
    private long seenChanges = NEVER;
    private List<Tree> seen = List.of();
    private String complaint = "";
    private volatile Map<VmId, SortedMap<SnapshotId, SnapshotName>> orphans = Map.of();

    KeptSnapshots(
            SnapshotKeeper keeper,
            Manager manager,
            References references,
            Stores stores,
            Catalog catalog,
            ChangeSnapshot changing,
            GuardSnapshot guarding,
            FinishRollback finishing,
            Operations operations,
            GuestNotes notes,
            Clock clock,
            Duration stopPatience) {
        this.keeper = keeper;
        this.manager = manager;
        this.references = references;
        this.stores = stores;
        this.catalog = catalog;
        this.changing = changing;
        this.guarding = guarding;
        this.finishing = finishing;
        this.operations = operations;
        this.notes = notes;
        this.clock = clock;
        this.stopPatience = stopPatience;
        catalog.listen(new CatalogListener() {
            @Override
            public void changed(Optional<Snapshot> before, Optional<Snapshot> after) {
                changes.incrementAndGet();
            }

            @Override
            public void replaced() {
                changes.incrementAndGet();
            }

            @Override
            public void damaged() {}
        });
    }

    /**
     * What an operation was about to have the manager do.
     *
     * @param running whether the VM has to run again afterwards
     */
    private record Begun(VmId vm, SnapshotName name, Instant at, boolean running) {
        /** As managers count. */
        Instant second() {
            return at.truncatedTo(ChronoUnit.SECONDS);
        }
    }

    private Optional<Begun> begun(OperationId operation, VmId vm, Optional<SnapshotName> name) {
        Optional<Begun> begun = operations.result(Operations.noteOf(operation), Begun.class);
        boolean same = begun.stream()
                .allMatch(first ->
                        first.vm().equals(vm) && name.map(first.name()::equals).orElse(true));
        if (!same) {
            throw Operations.otherRequest(operation);
        }
        return begun;
    }

    private Begun begin(OperationId operation, Vm vm, SnapshotName name, boolean running, String what, StoreId home) {
        Begun begun = new Begun(vm.id(), name, clock.instant().truncatedTo(ChronoUnit.MILLIS), running);
        operations.announce(Operations.noteOf(operation), what, begun, home);
        return begun;
    }

    Snapshot take(TakeRequest request, Progress progress) {
        Vm vm = references.vm(request.vm());
        refuseUnsaid(request, vm);
        request.name().ifPresent(keeper::refuseName);
        String what = "cannot take a snapshot of VM " + vm;
        Optional<Begun> earlier = begun(request.operation(), vm.id(), request.name());
        if (earlier.isPresent()) {
            progress.step("waiting for what was begun before");
            awaitIdle(what, vm);
            Optional<Snapshot> made = made(earlier.get());
            if (made.isPresent()) {
                return labelled(made.get(), request.labels());
            }
        }
        List<StoreId> ids = storesOf(vm, what);
        stores.refuseFull(what, ids);
        SnapshotName name = earlier.map(Begun::name)
                .or(request::name)
                .orElseGet(() ->
                        new SnapshotName(NAME_FROM_TIME.format(clock.instant().atZone(clock.getZone()))));
        refuseDuplicate(vm, name);
        dropAbandoned(vm, name);
        Begun begun =
                earlier.isPresent() ? earlier.get() : begin(request.operation(), vm, name, false, what, ids.get(0));
        progress.step("waiting for the manager, which takes it");
        keeper.take(vm, name, request.labels().description());
        Snapshot made = made(begun)
                .orElseThrow(() -> new Problem(
                        Code.INTERNAL,
                        what,
                        "the manager has taken " + name + ", and no disk of it came to flatsnap",
                        "Check that a disk of the VM lies on a storage of type flatsnap whose daemon is this one"));
        return labelled(made, request.labels());
    }

    private static void refuseUnsaid(TakeRequest request, Vm vm) {
        String what = "cannot take a snapshot of VM " + vm;
        if (!request.disks().isEmpty()) {
            throw new Problem(
                    Code.UNSUPPORTED,
                    what,
                    "the manager takes all its disks",
                    "Leave out --disk; exclude one at the manager");
        }
        if (request.strict()) {
            throw new Problem(
                    Code.UNSUPPORTED,
                    what,
                    "the manager freezes the guest itself, and does not say whether that went well",
                    "Leave out --strict; what was reached stands in the task's log");
        }
    }

    private List<StoreId> storesOf(Vm vm, String what) {
        List<StoreId> ids = vm.disks().stream()
                .map(disk -> DiskPlan.judge(disk, stores))
                .filter(DiskPlan.Verdict.Suitable.class::isInstance)
                .map(verdict -> ((DiskPlan.Verdict.Suitable) verdict).store().id())
                .distinct()
                .toList();
        if (ids.isEmpty()) {
            throw new Problem(
                    Code.UNSUPPORTED,
                    what,
                    "none of its disks lies in a store",
                    "Move one to a storage of type flatsnap; 'flatsnap vms' tells of each");
        }
        return ids;
    }

    private void refuseDuplicate(Vm vm, SnapshotName name) {
        catalog.find(vm.id(), name)
                .filter(other -> other.labels().retired().isEmpty())
                .ifPresent(other -> {
                    throw new Problem(
                            Code.EXISTS,
                            "cannot take snapshot " + name + " of VM " + vm,
                            "it has a snapshot of that name, taken " + other.takenAt(),
                            "Choose another name, or leave it out to get one made from the time");
                });
    }

    /** What the manager began of that name and gave up while no flatsnapd was there to be told: it would be in the way. */
    private void dropAbandoned(Vm vm, SnapshotName name) {
        Instant looked = clock.instant();
        boolean unknown = keeper.tree(vm.id())
                .filter(tree -> !tree.busy() && !tree.snapshots().containsKey(name))
                .isPresent();
        for (Snapshot snapshot : catalog.underWay()) {
            if (unknown
                    && snapshot.vm().equals(vm.id())
                    && snapshot.name().equals(name)
                    && snapshot.takenAt().isBefore(looked)) {
                try (VmLock lock = stores.lock(vm.id(), snapshot.stores())) {
                    drop(snapshot);
                }
            }
        }
    }

    /** What was begun, if it is there and whole. */
    private Optional<Snapshot> made(Begun begun) {
        Optional<Kept> kept = keeper.tree(begun.vm())
                .map(tree -> tree.snapshots().get(begun.name()))
                .filter(known -> !known.underWay() && !known.takenAt().isBefore(begun.second()));
        if (kept.isEmpty()) {
            return Optional.empty();
        }
        return catalog.named(begun.vm(), begun.name()).stream()
                .filter(KeptSnapshots::own)
                .findFirst()
                .map(snapshot -> change(snapshot, kept.get()));
    }

    private Snapshot labelled(Snapshot made, Labels wanted) {
        SortedSet<Tag> tags = new TreeSet<>(made.labels().tags());
        tags.addAll(wanted.tags());
        Labels labels =
                made.labels().saying(wanted.description(), tags, made.labels().held() || wanted.held());
        return labels.equals(made.labels()) ? made : changing.relabelKnown(made, old -> labels);
    }

    private void awaitIdle(String what, Vm vm) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (keeper.tree(vm.id()).filter(Tree::busy).isPresent()) {
            if (System.nanoTime() - deadline > 0) {
                throw new Problem(
                        Code.BUSY,
                        what,
                        "the manager has locked the VM, and does not come to an end",
                        "Look at its tasks; if none runs, unlock the VM there and try again");
            }
            try {
                Thread.sleep(LOOK.toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new Problem(Code.BUSY, what, "flatsnapd is being stopped", "Try again", e);
            }
        }
    }

    /** @param decided is given the snapshot right before it goes */
    Snapshot delete(OperationId operation, String vm, String snapshot, Consumer<Snapshot> decided, Progress progress) {
        Optional<Snapshot> cut = operations.result(operation, Snapshot.class).filter(changing::isGone);
        if (cut.isPresent() && isHalfDeleted(cut.get())) {
            progress.step("waiting for the manager, which deletes the rest of it");
            keeper.delete(references.vm(cut.get().vm().value()), cut.get().name());
            return cut.get();
        }
        Snapshot named = references.ownSnapshot(references.vmId(vm), snapshot);
        Optional<Vm> owner = manager.find(named.vm());
        if (owner.isEmpty() && own(named)) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot delete snapshot " + named.name(),
                    "its VM is not on this node, and the manager may know it on another",
                    "Delete it on the node that has the VM");
        }
        if (!own(named) || !isKept(named)) {
            return changing.delete(named.vm().value(), named.id().value(), decided, progress);
        }
        Snapshot present = changing.present(named);
        changing.refuseDeleting(present, vm);
        decided.accept(present);
        progress.step("waiting for the manager, which deletes it");
        keeper.delete(owner.orElseThrow(), present.name());
        if (!changing.isGone(present)) {
            // Images of disks that the VM does not have any more, of which the manager has not thought.
            changing.delete(present.vm().value(), present.id().value(), going -> {}, progress);
        }
        return present;
    }

    /** Whether the manager's own deletion of it was cut off; one that has its name by now is another one. */
    boolean isHalfDeleted(Snapshot snapshot) {
        return keeper.tree(snapshot.vm())
                .map(tree -> tree.snapshots().get(snapshot.name()))
                .filter(known -> known.underWay() && !known.takenAt().isAfter(snapshot.takenAt()))
                .isPresent();
    }

    private boolean isKept(Snapshot snapshot) {
        return keeper.tree(snapshot.vm())
                .filter(tree -> tree.snapshots().containsKey(snapshot.name()))
                .isPresent();
    }

    /** Whether it is one that the manager should know. */
    private static boolean own(Snapshot snapshot) {
        return snapshot.guard().isEmpty()
                && snapshot.foreign().isEmpty()
                && snapshot.labels().retired().isEmpty();
    }

    RollbackResult rollBack(RollbackRequest request, Progress progress) {
        Vm vm = references.vm(request.vm());
        String what = "cannot roll back VM " + vm;
        if (!request.disks().isEmpty()) {
            throw new Problem(
                    Code.UNSUPPORTED,
                    what,
                    "the manager rolls back all its disks and its configuration",
                    "Leave out --disk; single disks can be copied from the view");
        }
        Snapshot target = references.ownSnapshot(vm.id(), request.snapshot());
        if (!own(target) || !isKept(target)) {
            throw new Problem(
                    Code.UNSUPPORTED,
                    what,
                    "the manager does not know snapshot " + target.name(),
                    "With the VM off, copy its disks back from the view: cp --sparse=always .../" + target.name()
                            + "/disks/DISK.raw over the volume");
        }
        Optional<Begun> earlier = begun(request.operation(), vm.id(), Optional.of(target.name()));
        if (earlier.isPresent()) {
            progress.step("waiting for what was begun before");
            awaitIdle(what, vm);
            stores.refuseIntent(vm, target.stores());
            Optional<Snapshot> guard = guard(earlier.get(), target);
            if (guard.isPresent() && comesFrom(vm, target)) {
                return done(vm, target, guard.get(), earlier.get().running(), progress);
            }
        }
        Vm now = references.again(vm);
        boolean runs = now.state() != VmState.OFF;
        if (runs && !request.stop()) {
            throw new Problem(
                    Code.REFUSED,
                    what,
                    "it is " + now.state(),
                    "Shut it down, or let flatsnap stop and restart it with --stop");
        }
        // An earlier attempt may have stopped it, and not been able to start it again.
        boolean ran = runs || earlier.filter(Begun::running).isPresent();
        Begun begun = begin(request.operation(), vm, target.name(), ran, what, target.home());
        Snapshot guard;
        try {
            if (runs) {
                progress.step("stopping VM " + vm);
                notes.begin(vm.id(), Kind.STOP);
                manager.stop(vm.id(), stopPatience);
            }
            progress.step("waiting for the manager, which rolls it back");
            String told = keeper.rollBack(vm, target.name());
            guard = guard(begun, target).orElseThrow(() -> undone(what, told));
        } catch (Problem e) {
            throw ran ? finishing.startAgain(vm, e) : e;
        }
        return done(vm, target, guard, ran, progress);
    }

    private RollbackResult done(Vm vm, Snapshot target, Snapshot guard, boolean ran, Progress progress) {
        List<String> warnings = new ArrayList<>();
        boolean started = ran && started(vm, warnings, progress);
        return new RollbackResult(vm.id(), target.id(), Optional.of(guard.id()), started, warnings);
    }

    /** What the manager says last of a rollback: before, its configuration of the VM was not put back. */
    private boolean comesFrom(Vm vm, Snapshot target) {
        return keeper.tree(vm.id()).flatMap(Tree::parent).equals(Optional.of(target.name()));
    }

    private static Problem undone(String what, String told) {
        return new Problem(
                Code.REFUSED,
                what,
                told.isEmpty() ? "the manager did not ask flatsnap to do it" : "the manager says: " + told,
                "Mend that and try again; the manager's tasks tell more");
    }

    /**
     * The newest guard that the rollback made; nothing unless each disk has one of a rollback that was decided. Where no intent
     * stands any more, each is in place then.
     */
    private Optional<Snapshot> guard(Begun begun, Snapshot target) {
        Set<DiskName> missing =
                target.disks().stream().map(DiskImage::disk).collect(Collectors.toCollection(TreeSet::new));
        missing.removeAll(target.labels().gone());
        Optional<Snapshot> newest = Optional.empty();
        SnapshotQuery query = SnapshotQuery.ALL.ofVms(Set.of(begun.vm()));
        while (true) {
            Page page = catalog.query(query);
            for (Snapshot snapshot : page.snapshots()) {
                if (snapshot.takenAt().isBefore(begun.at())) {
                    return newest.filter(guard -> missing.isEmpty());
                }
                if (snapshot.guard().isPresent() && guarding.decided(snapshot)) {
                    newest = newest.or(() -> Optional.of(snapshot));
                    snapshot.disks().forEach(image -> missing.remove(image.disk()));
                }
            }
            if (page.next().isEmpty()) {
                return newest.filter(guard -> missing.isEmpty());
            }
            query = query.from(page.next().get());
        }
    }

    private boolean started(Vm vm, List<String> warnings, Progress progress) {
        // With a snapshot that has memory the manager has continued it.
        if (references.again(vm).state() == VmState.OFF) {
            progress.step("starting the VM again");
            finishing.startTwice(vm.id()).ifPresent(e -> warnings.add("the VM is off: " + e.getMessage()));
        }
        notes.end(vm.id(), Kind.STOP);
        return warnings.isEmpty();
    }

    RollbackResult undo(String vm) {
        Vm found = references.vm(vm);
        Optional<Snapshot> guard = references.newestGuard(found.id(), any -> true);
        throw new Problem(
                Code.UNSUPPORTED,
                "cannot undo a rollback of VM " + found,
                guard.isEmpty()
                        ? "no guard snapshot of it exists"
                        : "its guard " + guard.get().name() + " is flatsnap's, and the manager, whose the VM's"
                                + " configuration is, does not know it",
                guard.isEmpty()
                        ? "Roll back to another snapshot, see 'flatsnap list " + found + "'"
                        : "With the VM off, copy its disks back from the view: cp --sparse=always .../"
                                + guard.get().name() + "/disks/DISK.raw over the volume");
    }

    /** Refuses it: the manager makes its VMs itself. */
    CloneResult cloneVm(VmName name) {
        // It says why, and what to do.
        manager.prepareClone("", new VmId(UUID.randomUUID().toString()), name, Map.of(), Optional.empty());
        throw new IllegalStateException("a manager that keeps its snapshots does not let flatsnap define VMs");
    }

    /** Changes what people say about a snapshot; its description stands at the manager too. */
    Snapshot relabel(String vm, String snapshot, UnaryOperator<Labels> change) {
        Snapshot named = references.ownSnapshot(references.vmId(vm), snapshot);
        Description wanted = change.apply(named.labels()).description();
        if (own(named) && !wanted.equals(named.labels().description()) && isKept(named)) {
            manager.find(named.vm()).ifPresent(owner -> keeper.describe(owner, named.name(), wanted));
        }
        return changing.relabel(named.vm().value(), named.id().value(), change);
    }

    /** Makes flatsnap's snapshots say what the manager knows of them; any thread may do it. */
    synchronized void follow() {
        try {
            long version = changes.get();
            boolean unfinished = !catalog.underWay().isEmpty();
            if (!unfinished && version == seenChanges && keeper.trees().equals(seen)) {
                return;
            }
            // Those that flatsnap has are read before those that the manager has: it notes a snapshot before it asks
            // for it.
            List<Snapshot> own = ownSnapshots();
            List<Tree> trees = keeper.trees();
            boolean all = follow(own, trees);
            seen = trees;
            seenChanges = all ? version : NEVER;
            complaint = "";
        } catch (Problem e) {
            if (!complaint.equals(e.getMessage())) {
                complaint = e.getMessage();
                LOG.warn("what the manager knows of its snapshots is not seen now: {}", complaint);
            }
        }
    }

    private List<Snapshot> ownSnapshots() {
        List<Snapshot> found = new ArrayList<>(catalog.underWay());
        SnapshotQuery query = SnapshotQuery.ALL.limitedTo(1000);
        while (true) {
            Page page = catalog.query(query);
            page.snapshots().stream().filter(KeptSnapshots::own).forEach(found::add);
            if (page.next().isEmpty()) {
                return found;
            }
            query = query.from(page.next().get());
        }
    }

    /** @return whether each could be looked after */
    private boolean follow(List<Snapshot> snapshots, List<Tree> trees) {
        Map<VmId, Tree> byVm = new TreeMap<>();
        trees.forEach(tree -> byVm.put(tree.vm(), tree));
        Map<VmId, SortedMap<SnapshotId, SnapshotName>> unknown = new TreeMap<>();
        boolean all = true;
        for (Snapshot snapshot : snapshots) {
            Tree tree = byVm.get(snapshot.vm());
            // Of a VM on another node, that one looks after it.
            if (tree == null || !own(snapshot)) {
                continue;
            }
            Kept kept = tree.snapshots().get(snapshot.name());
            if (kept != null) {
                all &= kept.underWay()
                        || said(snapshot.labels(), kept).equals(snapshot.labels())
                        || ifFree(snapshot, () -> changing.relabelLocked(snapshot, labels -> said(labels, kept)));
            } else if (!snapshot.labels().underWay()) {
                unknown.computeIfAbsent(snapshot.vm(), vm -> new TreeMap<>()).put(snapshot.id(), snapshot.name());
            } else if (!tree.busy()
                    && snapshot.takenAt().isBefore(clock.instant().minus(FORGOTTEN))) {
                all &= ifFree(snapshot, () -> drop(snapshot));
            }
        }
        orphans = unknown;
        return all;
    }

    /** Whoever works on the VM is not waited for: the next look comes soon. */
    private boolean ifFree(Snapshot snapshot, Runnable work) {
        try {
            Optional<VmLock> lock = stores.lockIfFree(snapshot.vm(), snapshot.stores());
            if (lock.isPresent()) {
                try (VmLock held = lock.get()) {
                    work.run();
                }
            }
            return lock.isPresent();
        } catch (Problem e) {
            LOG.warn(
                    "snapshot {} of VM {} is not what the manager says: {}",
                    snapshot.name(),
                    snapshot.vmName(),
                    e.getMessage());
            return false;
        }
    }

    private Snapshot change(Snapshot snapshot, Kept kept) {
        return said(snapshot.labels(), kept).equals(snapshot.labels())
                ? snapshot
                : changing.relabelKnown(snapshot, labels -> said(labels, kept));
    }

    private static Labels said(Labels labels, Kept kept) {
        return labels.saying(kept.description().orElse(labels.description()), labels.tags(), labels.held())
                .underWay(false)
                .after(kept.parent());
    }

    /** One that the manager began and gave up: it shows not all disks, and nobody was ever shown it. */
    private void drop(Snapshot snapshot) {
        changing.remove(snapshot);
        LOG.info(
                "removed {} of VM {}: the manager began it and does not know it any more",
                snapshot.name(),
                snapshot.vmName());
    }

    /** Whether the manager did not know it when {@link #follow} looked last; any thread may ask. */
    boolean isOrphaned(Snapshot snapshot) {
        SortedMap<SnapshotId, SnapshotName> ofVm = orphans.get(snapshot.vm());
        return ofVm != null && ofVm.containsKey(snapshot.id());
    }

    /** What stands on stores and the manager does not know. */
    List<Finding> findings() {
        List<Finding> findings = new ArrayList<>();
        orphans.forEach((vm, names) -> findings.add(new Finding(
                        Finding.Level.WARNING,
                        "VM " + vm,
                        "the manager does not know " + names.size() + " of its snapshots: "
                                + String.join(
                                        ", ",
                                        names.values().stream()
                                                .map(SnapshotName::value)
                                                .toList()),
                        "They can be read in the view; delete those that nobody needs: flatsnap delete " + vm + " NAME")
                .about(vm)));
        return findings;
    }
}
