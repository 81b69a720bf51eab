package org.flatsnap.engine;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.CatalogListener;
import org.flatsnap.catalog.VmEntry;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.Standstill;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Place;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.store.Content;
import org.flatsnap.store.Store;
import org.flatsnap.store.StoreStatus;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Everything flatsnap can do, safe for use by many threads: work on one VM is done one after another, work on different VMs
 * side by side. Every method throws {@link org.flatsnap.model.Problem} when it cannot do what was asked.
 *
 * <p>Requests that change something carry an operation id; a repeated one gets the result of the first.
 */
public final class Engine implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Engine.class);
    /** With which an operation may end that has done something and not all. */
    private static final Set<Problem.Code> HALF_WAY =
            EnumSet.of(Problem.Code.INTERNAL, Problem.Code.NO_SPACE, Problem.Code.UNAVAILABLE);

    private static final Duration HOUSEKEEPING = Duration.ofSeconds(10);
    private static final Duration FOREIGN = Duration.ofMinutes(1);
    private static final Duration EXPIRY = Duration.ofMinutes(10);
    private static final Duration OTHERS = Duration.ofSeconds(1);
    private static final Duration DOUBT = Duration.ofMinutes(10);
    private static final Duration FAREWELL = Duration.ofSeconds(5);

    private final Stores stores;
    private final Manager manager;
    private final Catalog catalog;
    private final Standstill standstill;
    private final References references;
    private final Operations operations;
    private final TakeSnapshot taking;
    private final RollBack rolling;
    private final CloneVm cloning;
    private final ChangeSnapshot changing;
    private final MeasureSpace measuring;
    private final Recovery recovery;
    private final ForeignSnapshots foreign;
    private final ExpireSnapshots expiring;
    private final ManagedVolumes volumes;
    private final VolumeSnapshots volumeSnapshots;
    private final Doctor doctor;
    private final Optional<KeptSnapshots> kept;
    private final FollowOthers following;
    private final AtomicBoolean healing = new AtomicBoolean();
    private final ScheduledExecutorService housekeeper =
            Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "flatsnap-housekeeping"));
    private final ScheduledExecutorService follower =
            Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "flatsnap-other-hosts"));

    /**
     * @param node this host's name
     * @param guardRetention how long the snapshot taken before a rollback stays
     * @param stopPatience how long a guest may take to shut down before its power is cut
     * @param retireGrace how long a snapshot stays when all its disks are gone
     */
    public record Settings(String node, Duration guardRetention, Duration stopPatience, Duration retireGrace) {
        /** With a day of grace. */
        public Settings(String node, Duration guardRetention, Duration stopPatience) {
            this(node, guardRetention, stopPatience, Duration.ofDays(1));
        }
    }

    /** Nothing runs before {@link #start}. */
    public Engine(
            Stores stores,
            Manager manager,
            Catalog catalog,
            Standstill standstill,
            GuestNotes notes,
            Clock clock,
            Settings settings) {
        this.stores = stores;
        this.manager = manager;
        this.catalog = catalog;
        this.standstill = standstill;
        this.references = new References(manager, catalog);
        this.operations = new Operations(catalog, stores, clock);
        this.taking = new TakeSnapshot(references, stores, catalog, standstill, clock);
        this.changing = new ChangeSnapshot(references, stores, catalog);
        FinishRollback finishing = new FinishRollback(stores, manager, operations, notes, settings.node());
        GuardSnapshot guarding = new GuardSnapshot(stores, taking, clock, settings.guardRetention());
        DecideRollback deciding = new DecideRollback(stores, guarding, finishing, changing);
        this.rolling = new RollBack(
                references,
                stores,
                manager,
                operations,
                guarding,
                finishing,
                changing,
                deciding,
                notes,
                settings.stopPatience());
        this.cloning = new CloneVm(references, stores, manager, finishing, changing);
        this.measuring = new MeasureSpace(references, stores, catalog);
        Mirror mirror = new Mirror(catalog);
        this.recovery = new Recovery(stores, manager, catalog, finishing, operations, guarding, notes, mirror);
        this.following = new FollowOthers(stores, mirror, this::doubt);
        this.foreign = new ForeignSnapshots(references, stores, manager, catalog, Store::foreign);
        this.expiring = new ExpireSnapshots(catalog, changing, clock, settings.retireGrace());
        VolumeImages images = new VolumeImages(stores, catalog, changing, clock, settings.retireGrace());
        this.volumes = new ManagedVolumes(stores, images, operations);
        this.volumeSnapshots = new VolumeSnapshots(
                stores, catalog, images, operations, taking, changing, deciding, finishing, this::orderly);
        this.doctor = new Doctor(stores, manager, standstill);
        this.kept = manager.snapshots()
                .map(keeper -> new KeptSnapshots(
                        keeper,
                        manager,
                        references,
                        stores,
                        catalog,
                        changing,
                        guarding,
                        finishing,
                        operations,
                        notes,
                        clock,
                        settings.stopPatience()));
    }

    /** Undoes and finishes what an earlier daemon left, fills the catalog if need be, and begins to keep house. */
    public void start() {
        start(step -> {});
    }

    /** The same, told what it does where that takes long. */
    public void start(Progress progress) {
        standstill.recover();
        recovery.start(progress);
        foreign.refresh();
        catalog.listen(new CatalogListener() {
            @Override
            public void changed(Optional<Snapshot> before, Optional<Snapshot> after) {}

            @Override
            public void replaced() {}

            @Override
            public void damaged() {
                heal();
            }
        });
        every(HOUSEKEEPING, housekeeper, this::keepHouse);
        every(FOREIGN, housekeeper, foreign::refresh);
        every(EXPIRY, housekeeper, this::expire);
        every(DOUBT, housekeeper, recovery::doubtAll);
        // By a thread of its own, because housekeeping waits for managers and frees large files.
        every(OTHERS, follower, following::run);
    }

    /** What is done every few seconds; any thread may do it. */
    void keepHouse() {
        recovery.again();
        foreign.again();
        kept.ifPresent(KeptSnapshots::follow);
    }

    /** What is done every few minutes; any thread may do it. */
    void expire() {
        expiring.run();
    }

    private void doubt(Store store) {
        recovery.doubt(store);
        housekeeper.execute(guarded(this::keepHouse));
    }

    /** Has the catalog made anew, once however many requests meet the damage. */
    private void heal() {
        if (healing.compareAndSet(false, true)) {
            try {
                housekeeper.execute(guarded(() -> {
                    try {
                        recovery.heal();
                        foreign.refresh();
                    } finally {
                        // What is met meanwhile waits for the next look, or a file that cannot be made would keep this
                        // busy.
                        healing.set(false);
                    }
                }));
            } catch (RejectedExecutionException e) {
                LOG.debug("the next daemon makes the catalog anew", e);
            }
        }
    }

    private static void every(Duration interval, ScheduledExecutorService executor, Runnable task) {
        executor.scheduleWithFixedDelay(guarded(task), interval.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** An exception would end a schedule. */
    private static Runnable guarded(Runnable task) {
        return () -> {
            try {
                task.run();
            } catch (RuntimeException e) {
                LOG.error("housekeeping failed", e);
            }
        };
    }

    /** Takes a snapshot. */
    public Snapshot take(TakeRequest request) {
        return operations.run(
                request.operation(),
                Optional.of(request.vm()),
                "take a snapshot of " + request.vm(),
                Snapshot.class,
                progress -> kept.map(keeping -> keeping.take(request, progress))
                        .orElseGet(() -> taking.take(request, progress)));
    }

    /** Puts disks back to a snapshot; a guard of the state before is taken first. */
    public RollbackResult rollBack(RollbackRequest request) {
        return orderly(() -> operations.runOnce(
                request.operation(),
                Optional.of(request.vm()),
                "roll back " + request.vm() + " to " + request.snapshot(),
                RollbackResult.class,
                result -> true,
                progress -> kept.map(keeping -> keeping.rollBack(request, progress))
                        .orElseGet(() -> rolling.rollBack(request, progress))));
    }

    /** Goes back to the newest guard; guarded itself, so that a second undo undoes the first. */
    public RollbackResult undo(OperationId operation, String vm, boolean stop) {
        return orderly(() -> operations.runOnce(
                operation,
                Optional.of(vm),
                "undo the rollback of " + vm,
                RollbackResult.class,
                result -> true,
                progress -> kept.map(keeping -> keeping.undo(vm))
                        .orElseGet(() -> rolling.undo(operation, vm, stop, progress))));
    }

    /**
     * What failed half way is brought into order at once: a rollback that was decided keeps its VM off until recovery has
     * finished it, and a part that was not removed takes room.
     */
    private <T> T orderly(Supplier<T> change) {
        try {
            return change.get();
        } catch (RuntimeException e) {
            if (!(e instanceof Problem problem) || HALF_WAY.contains(problem.code())) {
                recovery.doubtAll();
            }
            settleSoon();
            throw e;
        }
    }

    private void settleSoon() {
        try {
            housekeeper.execute(guarded(this::keepHouse));
        } catch (RejectedExecutionException stopping) {
            LOG.debug("the next daemon looks after it", stopping);
        }
    }

    /** Makes a new VM, which is off, from a snapshot. */
    public CloneResult clone(OperationId operation, String vm, String snapshot, VmName name) {
        return operations.run(
                operation, Optional.of(vm), "clone " + vm + " at " + snapshot, CloneResult.class, progress -> kept.map(
                                keeping -> keeping.cloneVm(name))
                        .orElseGet(() -> cloning.clone(operation, vm, snapshot, name, progress)));
    }

    /** Deletes a snapshot that is not held; gives what it was. */
    public Snapshot delete(OperationId operation, String vm, String snapshot) {
        String what = "delete snapshot " + snapshot + " of " + vm;
        return orderly(
                () -> operations.runOnce(operation, Optional.of(vm), what, Snapshot.class, this::isGone, progress -> {
                    Consumer<Snapshot> decided = going -> operations.announce(operation, what, going, going.home());
                    return kept.map(keeping -> keeping.delete(operation, vm, snapshot, decided, progress))
                            .orElseGet(() -> changing.delete(vm, snapshot, decided, progress));
                }));
    }

    private boolean isGone(Snapshot snapshot) {
        return changing.isGone(snapshot)
                && kept.filter(keeping -> keeping.isHalfDeleted(snapshot)).isEmpty();
    }

    /** Changes what people say about a snapshot. */
    public Snapshot relabel(OperationId operation, String vm, String snapshot, UnaryOperator<Labels> change) {
        return operations.run(
                operation,
                Optional.of(vm),
                "change snapshot " + snapshot + " of " + vm,
                Snapshot.class,
                progress -> kept.map(keeping -> keeping.relabel(vm, snapshot, change))
                        .orElseGet(() -> changing.relabel(vm, snapshot, change)));
    }

    /** Takes over a snapshot that others took. */
    public Snapshot adopt(OperationId operation, String vm, String snapshot) {
        return orderly(() -> operations.run(
                operation,
                Optional.of(vm),
                "adopt snapshot " + snapshot + " of " + vm,
                Snapshot.class,
                progress -> foreign.adopt(operation, vm, snapshot)));
    }

    /**
     * Makes the catalog anew from what stands on storage.
     *
     * @return how many snapshots it holds now
     */
    public long rebuildCatalog(OperationId operation) {
        return operations.run(operation, Optional.empty(), "rebuild the catalog", Long.class, progress -> {
            long snapshots = recovery.rebuild(progress);
            foreign.refresh();
            return snapshots;
        });
    }

    /** One snapshot by the names people use. */
    public Snapshot show(String vm, String snapshot) {
        return references.snapshot(references.vmId(vm), snapshot);
    }

    /**
     * What deleting snapshots of a VM would free. May take seconds.
     *
     * @param snapshots names or ids; empty for all of the VM
     */
    public SpaceReport space(String vm, List<String> snapshots) {
        return measuring.measure(vm, snapshots);
    }

    /** The identity of a VM by name or id; of one that has snapshots also while the manager is away. */
    public VmId identify(String vm) {
        return references.vmId(vm);
    }

    /** Every VM with the names it has, at its manager, where that answers, and in the catalog. */
    public KnownVms knownVms() {
        return references.known();
    }

    /** Every VM of the manager and what can be done with its disks. */
    public List<VmReport> vms() {
        Map<VmId, Long> counts = catalog.vms().stream().collect(Collectors.toMap(VmEntry::vm, VmEntry::snapshots));
        return manager.vms().stream()
                .map(vm -> report(vm, counts.getOrDefault(vm.id(), 0L)))
                .toList();
    }

    private VmReport report(Vm vm, long snapshots) {
        List<VmReport.DiskReport> disks = vm.disks().stream().map(this::report).toList();
        return new VmReport(vm.id(), vm.name(), vm.state(), snapshots, disks);
    }

    private VmReport.DiskReport report(Disk disk) {
        DiskPlan.Verdict verdict = DiskPlan.judge(disk, stores);
        if (verdict instanceof DiskPlan.Verdict.Skipped skipped) {
            return new VmReport.DiskReport(disk, "skipped", skipped.why(), "");
        }
        if (verdict instanceof DiskPlan.Verdict.Unsuitable unsuitable) {
            return new VmReport.DiskReport(disk, "unsuitable", unsuitable.why(), unsuitable.remedy());
        }
        return new VmReport.DiskReport(disk, "snapshot", "", "");
    }

    /** Examines everything flatsnap stands on. */
    public List<Finding> examine() {
        List<Finding> findings = new ArrayList<>(doctor.examine());
        kept.ifPresent(keeping -> findings.addAll(keeping.findings()));
        return findings;
    }

    /**
     * Whether its manager, which should know it, did not know it a few seconds ago: somebody removed it there from the VM's
     * configuration by hand. Costs two look-ups in memory.
     */
    public boolean isOrphaned(Snapshot snapshot) {
        return kept.isPresent() && kept.get().isOrphaned(snapshot);
    }

    /** The disks that stores keep for Proxmox VE. */
    public ManagedVolumes volumes() {
        return volumes;
    }

    /** Their snapshots. */
    public VolumeSnapshots volumeSnapshots() {
        return volumeSnapshots;
    }

    /** Uses a store from now on, also after a restart. Cheap if it is used already. */
    public StoreReport useStore(Place place) {
        Optional<Store> opened = stores.use(place);
        if (opened.isPresent()) {
            recovery.admit(opened.get());
            settleSoon();
        }
        return store(place);
    }

    /** A store that is used. */
    public StoreReport store(Place place) {
        return StoreReport.of(stores.at(place));
    }

    /** Uses a store no more that {@link #useStore} made known. Nothing on it is touched; absent is fine. */
    public void forgetStore(Place place) {
        stores.forget(place).ifPresent(this::forgetSnapshots);
    }

    /** What nobody can reach is not to be listed. */
    private void forgetSnapshots(StoreId home) {
        for (VmId vm : catalog.vmIds()) {
            for (SnapshotId id : catalog.ids(vm)) {
                catalog.find(id)
                        .filter(snapshot -> snapshot.home().equals(home))
                        .ifPresent(snapshot -> catalog.remove(id));
            }
        }
    }

    /** What is under way. */
    public Operations operations() {
        return operations;
    }

    /** The bytes of one image. */
    public Content image(Snapshot snapshot, DiskName disk) {
        DiskImage image = snapshot.disk(disk).orElseThrow();
        return stores.require(image.store()).image(snapshot, disk);
    }

    /** What is known about a snapshot, as it stands on storage. */
    public Content metadata(Snapshot snapshot) {
        return stores.require(snapshot.home()).metadata(snapshot);
    }

    /** What the file systems of all stores that can be reached have and are, each file system once. May take long. */
    public List<StoreStatus> storage() {
        // Stores on one file system tell the same.
        return stores.open().stream().map(Store::status).distinct().toList();
    }

    /** A file saved beside the images; it need not exist. */
    public Path savedFile(Snapshot snapshot, String fileName) {
        return stores.require(snapshot.home()).savedFile(snapshot.vm(), snapshot.id(), fileName);
    }

    /** Lets it come to an end of what it does, or it would find the catalog closed. */
    private static void end(ExecutorService executor) {
        executor.shutdown();
        try {
            if (!executor.awaitTermination(FAREWELL.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.warn("a store does not answer the question what other hosts did to it");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends housekeeping; what is under way ends by itself. */
    @Override
    public void close() {
        end(follower);
        housekeeper.shutdownNow();
        standstill.close();
        stores.close();
    }
}
