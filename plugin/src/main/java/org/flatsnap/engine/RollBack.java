package org.flatsnap.engine;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.flatsnap.engine.DecideRollback.Plan;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmState;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;

/**
 * Puts a VM's disks back to any snapshot, losing nothing.
 *
 * <ol>
 *   <li>Check everything that can be checked: disks, stores, other users of the files. Stop the VM if that is allowed.
 *   <li>{@link DecideRollback}: lock the VM. Publish a guard: an ordinary snapshot of exactly the files that will be replaced.
 *   <li>Stage clones of the snapshot's images next to the live disks. All that needs room happens here.
 *   <li>Write the intent. From here on the VM cannot start and the rollback will be finished, whoever does it.
 *   <li>{@link FinishRollback}: rename the staged disks over the live ones, restore the definition, lift the intent.
 * </ol>
 *
 * <p>No lock is held while the manager is told to do something, but for the one that keeps other hosts from finishing this
 * rollback meanwhile.
 */
final class RollBack {
    private final References references;
    private final Stores stores;
    private final Manager manager;
    private final GuardSnapshot guarding;
    private final FinishRollback finishing;
    private final ChangeSnapshot changing;
    private final DecideRollback deciding;
    private final GuestNotes notes;
    private final Operations operations;
    private final Duration stopPatience;

    RollBack(
            References references,
            Stores stores,
            Manager manager,
            Operations operations,
            GuardSnapshot guarding,
            FinishRollback finishing,
            ChangeSnapshot changing,
            DecideRollback deciding,
            GuestNotes notes,
            Duration stopPatience) {
        this.references = references;
        this.stores = stores;
        this.manager = manager;
        this.operations = operations;
        this.guarding = guarding;
        this.finishing = finishing;
        this.changing = changing;
        this.deciding = deciding;
        this.notes = notes;
        this.stopPatience = stopPatience;
    }

    RollbackResult rollBack(RollbackRequest request, Progress progress) {
        Vm vm = references.vm(request.vm());
        return to(() -> plan(request, vm), vm, progress);
    }

    private Plan plan(RollbackRequest request, Vm vm) {
        Snapshot target = references.ownSnapshot(vm.id(), request.snapshot());
        List<DiskImage> images = choose(vm, target, request.disks());
        boolean partial = !request.disks().isEmpty();
        return new Plan(request.operation(), target, images, partial, request.stop(), "rollback to " + target.name());
    }

    RollbackResult undo(OperationId operation, String vmNameOrId, boolean stop, Progress progress) {
        Vm vm = references.vm(vmNameOrId);
        return to(() -> undoing(operation, vm, stop), vm, progress);
    }

    private Plan undoing(OperationId operation, Vm vm, boolean stop) {
        Snapshot guard = references
                .newestGuard(vm.id(), guarding::decided)
                .orElseThrow(() -> new Problem(
                        Code.NOT_FOUND,
                        "cannot undo a rollback of VM " + vm,
                        "no guard snapshot of it exists",
                        "Guards expire; roll back to another snapshot, see 'flatsnap list " + vm + "'"));
        Snapshot.Guard why = guard.guard().orElseThrow();
        return new Plan(operation, guard, guard.disks(), why.partial(), stop, "undo of " + why.before());
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

    /** @param wish what is wanted as things are now: each rollback makes a guard, so the next one means another */
    private RollbackResult to(Supplier<Plan> wish, Vm named, Progress progress) {
        Plan first = wish.get();
        progress.step("waiting for other rollbacks of VM " + named);
        try (VmLock right = stores.lockRollback(named, first.stores())) {
            // A first try of it may have failed half way, and recovery has finished that while this one waited.
            Optional<RollbackResult> meanwhile = operations.result(first.operation(), RollbackResult.class);
            if (meanwhile.isPresent()) {
                return meanwhile.get();
            }
            Plan plan = wish.get();
            if (!first.stores().containsAll(plan.stores())) {
                // The right that was waited for is another one.
                References.refuseOther(first.target(), plan.target());
            }
            return withRight(wish, plan, references.again(named), progress);
        }
    }

    /** With the right to work on a rollback of the VM, by which other hosts know that this one is at it until all is done. */
    private RollbackResult withRight(Supplier<Plan> wish, Plan plan, Vm found, Progress progress) {
        refuse(plan, found);
        boolean ran = found.state() != VmState.OFF;
        Intent intent;
        try {
            if (ran) {
                progress.step("stopping VM " + found);
                notes.begin(found.id(), Kind.STOP);
                manager.stop(found.id(), stopPatience);
            }
            intent = decideLocked(wish, plan, found, ran, progress);
        } catch (Problem e) {
            throw ran ? finishing.startAgain(found, e) : e;
        }
        return finishing.conclude(intent, progress);
    }

    private Intent decideLocked(Supplier<Plan> wish, Plan plan, Vm found, boolean ran, Progress progress) {
        try (VmLock lock = stores.lock(found, plan.stores())) {
            References.refuseOther(plan.target(), wish.get().target());
            changing.present(plan.target());
            Vm vm = references.again(found);
            requireOff(vm, "it was started again just now");
            Intent intent = deciding.decide(
                    plan, vm, ran, () -> requireOff(references.again(vm), "it was started just now"), progress);
            progress.step("putting the disks in place");
            finishing.swap(intent);
            return intent;
        }
    }

    private void refuse(Plan plan, Vm vm) {
        if (!plan.stop()) {
            requireOff(vm, "it is " + vm.state());
        }
        if (!vm.persistent()) {
            throw new Problem(
                    Code.UNSUPPORTED,
                    "cannot roll back VM " + vm,
                    "it is transient: stopped, it would be gone",
                    "Make it persistent first: virsh dumpxml " + vm + " > vm.xml; virsh define vm.xml");
        }
        Set<Path> targets = new HashSet<>();
        for (DiskImage image : plan.images()) {
            Store store = stores.require(image.store());
            Path live = Path.of(image.source());
            if (!store.covers(live)) {
                throw new Problem(
                        Code.UNSUPPORTED,
                        "cannot roll back disk " + image.disk() + " of VM " + vm,
                        "its place " + live + " cannot be reached by a rename within the store " + store.place(),
                        "Mount the store where it was, or clone the snapshot to a new VM");
            }
            store.obstacle(live).ifPresent(obstacle -> {
                throw obstacle;
            });
            if (plan.partial()) {
                refuseMoved(vm, image);
            }
            targets.add(live);
        }
        if (!plan.partial()) {
            plan.target().firmware().map(Path::of).ifPresent(file -> {
                refuseForeignFirmware(vm, file);
                targets.add(file);
            });
        }
        for (Vm other : manager.vms()) {
            if (!other.id().equals(vm.id())) {
                refuseShared(vm, other, targets);
            }
        }
    }

    private static void refuseMoved(Vm vm, DiskImage image) {
        boolean there = vm.disks().stream()
                .anyMatch(disk -> disk.name().equals(image.disk())
                        && LivePath.of(disk.source()).equals(Path.of(image.source())));
        if (!there) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot roll back disk " + image.disk() + " of VM " + vm,
                    "the VM does not use " + image.source() + " as that disk any more",
                    "Roll back all disks, which restores the definition too, or clone the snapshot to a new VM");
        }
    }

    private static void refuseForeignFirmware(Vm vm, Path file) {
        if (Files.exists(file) && !vm.firmware().map(Path::of).equals(Optional.of(file))) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot roll back VM " + vm,
                    "its NVRAM was " + file + " then, and that file is not its own any more",
                    "Move that file away, or roll back the disks alone with --disk");
        }
    }

    private static void refuseShared(Vm vm, Vm other, Set<Path> targets) {
        Stream<String> files = Stream.concat(
                other.disks().stream()
                        .filter(disk ->
                                disk.kind() != Disk.Kind.OTHER && disk.source().startsWith("/"))
                        .map(Disk::source),
                other.firmware().stream());
        files.filter(file -> targets.contains(LivePath.of(file))).findFirst().ifPresent(file -> {
            throw new Problem(
                    Code.REFUSED,
                    "cannot roll back VM " + vm,
                    "VM " + other + " uses " + file + " too",
                    "Detach it there, roll back other disks with --disk, or clone the snapshot to a new VM");
        });
    }

    private static void requireOff(Vm vm, String why) {
        if (vm.state() != VmState.OFF) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot roll back VM " + vm,
                    why,
                    "Shut it down, or let flatsnap stop and restart it with --stop");
        }
        FinishRollback.refuseSavedMemory(vm);
    }
}
