package org.flatsnap.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.flatsnap.engine.TakeSnapshot.Order;
import org.flatsnap.linux.OpenFiles;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmState;
import org.flatsnap.store.DiskSource;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Staged;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;

/**
 * Puts a VM's disks back to any snapshot, losing nothing.
 *
 * <ol>
 *   <li>Check everything that can be checked: disks, stores, other users of the files. Stop the VM if that is allowed.
 *   <li>Lock the VM. Publish a guard: an ordinary snapshot of exactly the files that will be replaced.
 *   <li>Stage clones of the snapshot's images next to the live disks. All that needs room happens here.
 *   <li>Write the intent. From here on the VM cannot start and the rollback will be finished, whoever does it.
 *   <li>{@link FinishRollback}: rename the staged disks over the live ones, restore the definition, lift the intent.
 * </ol>
 *
 * <p>No lock is held while the manager is told to do something.
 */
final class RollBack {
    private final References references;
    private final Stores stores;
    private final Manager manager;
    private final TakeSnapshot taking;
    private final FinishRollback finishing;
    private final Clock clock;
    private final Engine.Settings settings;

    RollBack(
            References references,
            Stores stores,
            Manager manager,
            TakeSnapshot taking,
            FinishRollback finishing,
            Clock clock,
            Engine.Settings settings) {
        this.references = references;
        this.stores = stores;
        this.manager = manager;
        this.taking = taking;
        this.finishing = finishing;
        this.clock = clock;
        this.settings = settings;
    }

    RollbackResult rollBack(RollbackRequest request, Progress progress) {
        Vm vm = references.vm(request.vm());
        Snapshot target = references.snapshot(vm.id(), request.snapshot());
        List<DiskImage> images = choose(vm, target, request.disks());
        boolean partial = !request.disks().isEmpty();
        return to(
                new Plan(request.operation(), target, images, partial, request.stop(), "rollback to " + target.name()),
                vm,
                progress);
    }

    RollbackResult undo(OperationId operation, String vmNameOrId, boolean stop, Progress progress) {
        Vm vm = references.vm(vmNameOrId);
        Snapshot guard = references
                .newestGuard(vm.id())
                .orElseThrow(() -> new Problem(
                        Code.NOT_FOUND,
                        "cannot undo a rollback of VM " + vm,
                        "no guard snapshot of it exists",
                        "Guards expire; roll back to another snapshot, see 'flatsnap list " + vm + "'"));
        Snapshot.Guard why = guard.guard().orElseThrow();
        return to(
                new Plan(operation, guard, guard.disks(), why.partial(), stop, "undo of " + why.before()),
                vm,
                progress);
    }

    private record Plan(
            OperationId operation,
            Snapshot target,
            List<DiskImage> images,
            boolean partial,
            boolean stop,
            String description) {

        List<StoreId> stores() {
            return images.stream().map(DiskImage::store).distinct().toList();
        }
    }

    private static List<DiskImage> choose(Vm vm, Snapshot target, Set<DiskName> chosen) {
        for (DiskName name : chosen) {
            if (target.disk(name).isEmpty()) {
                throw new Problem(
                        Code.NOT_FOUND,
                        "cannot roll back disk " + name + " of VM " + vm,
                        "snapshot " + target.name() + " does not have it",
                        "It has: "
                                + target.disks().stream()
                                        .map(image -> image.disk().value())
                                        .collect(Collectors.joining(", ")));
            }
        }
        return target.disks().stream()
                .filter(image -> chosen.isEmpty() || chosen.contains(image.disk()))
                .toList();
    }

    private RollbackResult to(Plan plan, Vm found, Progress progress) {
        refuse(plan, found);
        boolean ran = found.state() != VmState.OFF;
        if (ran) {
            progress.step("stopping VM " + found);
            manager.stop(found.id(), settings.stopPatience());
        }
        Intent intent;
        try {
            intent = decideLocked(plan, found, ran, progress);
        } catch (Problem e) {
            if (ran) {
                startAgain(found, e);
            }
            throw e;
        }
        return finishing.conclude(intent, progress);
    }

    /** A VM that was stopped for a rollback of which nothing was done must not stay off; the hook refuses it if an intent stands. */
    private void startAgain(Vm vm, Problem failure) {
        try {
            if (stores.open().stream()
                    .flatMap(store -> store.intents().stream())
                    .noneMatch(intent -> intent.vm().equals(vm.id()))) {
                manager.start(vm.id());
            }
        } catch (Problem e) {
            failure.addSuppressed(e);
        }
    }

    private Intent decideLocked(Plan plan, Vm found, boolean ran, Progress progress) {
        try (VmLock lock = stores.lock(found.id(), plan.stores())) {
            Vm vm = references.again(found);
            stores.refuseIntent(vm, plan.stores());
            refuseRunning(vm, "it was started again just now");
            progress.step("taking a guard snapshot of the present state");
            Optional<Snapshot> guard = guard(plan, vm, progress);
            progress.step("staging " + plan.images().size() + (plan.images().size() == 1 ? " disk" : " disks"));
            Intent intent = decide(plan, vm, guard.map(Snapshot::id), ran);
            progress.step("putting the disks in place");
            finishing.swap(intent);
            return intent;
        }
    }

    private void refuse(Plan plan, Vm vm) {
        if (vm.state() != VmState.OFF && !plan.stop()) {
            refuseRunning(vm, "it is " + vm.state());
        }
        if (vm.savedMemory()) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot roll back VM " + vm,
                    "its memory is saved and would be continued on other disks, which destroys the guest's file systems",
                    "Start it and shut it down, or drop the memory with 'virsh managedsave-remove " + vm + "'");
        }
        Set<Path> targets = new HashSet<>();
        for (DiskImage image : plan.images()) {
            Store store = stores.require(image.store());
            Path live = Path.of(image.source());
            if (!store.covers(live)) {
                throw new Problem(
                        Code.UNSUPPORTED,
                        "cannot roll back disk " + image.disk() + " of VM " + vm,
                        "its place " + live + " cannot be reached by a rename within the store " + store.root(),
                        "Mount the store where it was, or clone the snapshot to a new VM");
            }
            targets.add(live);
        }
        for (Vm other : manager.vms()) {
            if (!other.id().equals(vm.id())) {
                refuseShared(vm, other, targets);
            }
        }
    }

    private static void refuseShared(Vm vm, Vm other, Set<Path> targets) {
        for (Disk disk : other.disks()) {
            if (disk.kind() == Disk.Kind.FILE && targets.contains(resolved(disk.source()))) {
                throw new Problem(
                        Code.REFUSED,
                        "cannot roll back VM " + vm,
                        "VM " + other + " uses " + disk.source() + " too",
                        "Detach it there, roll back other disks with --disk, or clone the snapshot to a new VM");
            }
        }
    }

    private static Path resolved(String source) {
        Path path = Path.of(source);
        try {
            return path.toRealPath();
        } catch (IOException e) {
            // A file that does not exist is compared by the name it would have.
            return path.toAbsolutePath().normalize();
        }
    }

    private static void refuseRunning(Vm vm, String why) {
        if (vm.state() != VmState.OFF) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot roll back VM " + vm,
                    why,
                    "Shut it down, or let flatsnap stop and restart it with --stop");
        }
    }

    private Optional<Snapshot> guard(Plan plan, Vm vm, Progress progress) {
        Map<Store, List<DiskSource>> replaced = new LinkedHashMap<>();
        for (DiskImage image : plan.images()) {
            Path live = Path.of(image.source());
            if (Files.exists(live)) {
                replaced.computeIfAbsent(stores.require(image.store()), store -> new ArrayList<>())
                        .add(new DiskSource(image.disk(), live));
            }
        }
        if (replaced.isEmpty()) {
            return Optional.empty();
        }
        Order order = new Order(
                plan.operation(),
                taking.nameFromTime("guard-"),
                Labels.NONE,
                Optional.of(new Snapshot.Guard(
                        plan.description(), plan.partial(), clock.instant().plus(settings.guardRetention()))),
                Consistency.CRASH,
                false);
        return Optional.of(taking.capture(vm, new DiskPlan(replaced), order, progress));
    }

    /** Stages everything and writes the intent; if it throws, nothing has happened. */
    private Intent decide(Plan plan, Vm vm, Optional<SnapshotId> guard, boolean start) {
        List<Staged> staged = new ArrayList<>();
        try {
            for (StoreId id : plan.stores()) {
                List<DiskImage> here = plan.images().stream()
                        .filter(image -> image.store().equals(id))
                        .toList();
                staged.add(stores.require(id).stage(plan.operation(), plan.target(), here));
            }
            Optional<String> definition =
                    plan.partial() ? Optional.empty() : Optional.of(finishing.definition(plan.target()));
            Optional<Intent.FileSwap> firmware =
                    plan.partial() ? Optional.empty() : finishing.stageFirmware(plan.operation(), plan.target());
            Intent intent = new Intent(
                    plan.operation(),
                    vm.id(),
                    plan.target().id(),
                    guard,
                    staged.stream().flatMap(part -> part.swaps().stream()).toList(),
                    firmware,
                    definition,
                    start);
            try {
                finishing.write(intent);
                refuseWriters(vm, intent);
            } catch (Problem e) {
                finishing.takeBack(intent, e);
                throw e;
            }
            staged.forEach(Staged::keep);
            return intent;
        } finally {
            staged.forEach(Staged::close);
        }
    }

    /**
     * While the intent stands nobody can start the VM; this finds who did just before. What the manager says is asked first,
     * then the kernel: a rename under a running guest would leave it writing to a file without a name.
     */
    private void refuseWriters(Vm vm, Intent intent) {
        refuseRunning(references.again(vm), "it was started just now");
        for (Intent.Swap swap : intent.swaps()) {
            try {
                List<Long> writers = OpenFiles.writers(Path.of(swap.live()));
                if (!writers.isEmpty()) {
                    throw new Problem(
                            Code.REFUSED,
                            "cannot roll back VM " + vm,
                            "process " + writers.get(0) + " has " + swap.live() + " open for writing",
                            "End it first (ps " + writers.get(0) + " shows what it is)");
                }
            } catch (IOException e) {
                throw new Problem(
                        Code.UNAVAILABLE,
                        "cannot tell who uses " + swap.live(),
                        String.valueOf(e.getMessage()),
                        "Run flatsnapd as root",
                        e);
            }
        }
    }
}
