package org.flatsnap.engine;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Optional;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.hypervisor.Standstill;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Vm;
import org.flatsnap.store.VmLock;

/**
 * Takes a snapshot: all disks of a VM at one moment.
 *
 * <ol>
 *   <li>Choose the disks and find the store of each; a disk that cannot be part of it ends it here, by name.
 *   <li>Lock the VM on these stores, then look at it again: only now its state counts. Stores without the room that guests need
 *       end it here. (A guard is taken all the same: to go back may be the way out, and it takes hardly any room by itself.)
 *   <li>Open a capture on each store. What follows is invisible until published and vanishes if it fails.
 *   <li>Bring the guest to stand still, clone the disks (milliseconds), let it go on.
 *   <li>Make the clones durable and publish them by one rename, the home store last.
 *   <li>Put it into the catalog, which is only an index: a kill before this loses nothing.
 * </ol>
 */
final class TakeSnapshot {
    private static final DateTimeFormatter NAME_FROM_TIME = DateTimeFormatter.ofPattern("uuuu-MM-dd_HH-mm-ss.SSS");

    private final References references;
    private final Stores stores;
    private final Catalog catalog;
    private final Standstill standstill;
    private final Clock clock;
    private final SecureRandom random = new SecureRandom();

    TakeSnapshot(References references, Stores stores, Catalog catalog, Standstill standstill, Clock clock) {
        this.references = references;
        this.stores = stores;
        this.catalog = catalog;
        this.standstill = standstill;
        this.clock = clock;
    }

    Snapshot take(TakeRequest request, Progress progress) {
        Vm found = references.vm(request.vm());
        DiskPlan firstPlan = DiskPlan.of(found, request.disks(), stores);
        progress.step("waiting for other work on VM " + found);
        try (VmLock lock = stores.lock(found, firstPlan.storeIds())) {
            refuseHalfKnown(found);
            Optional<Snapshot> earlier = catalog.findByOperation(request.operation());
            if (earlier.isPresent()) {
                return sameRequest(earlier.get(), request, found);
            }
            Vm vm = references.again(found);
            DiskPlan plan = DiskPlan.of(vm, request.disks(), stores);
            refuseMoved(vm, firstPlan, plan);
            stores.refuseIntent(vm, plan.storeIds());
            stores.refuseFull("cannot take a snapshot of VM " + vm, plan.storeIds());
            SnapshotName name = request.name().orElseGet(() -> nameFromTime(""));
            refuseDuplicate(vm, name);
            Consistency level = request.level()
                    .orElse(vm.agent() == Vm.Agent.CONNECTED ? Consistency.FILESYSTEM : Consistency.CRASH);
            Order order =
                    new Order(request.operation(), name, request.labels(), Optional.empty(), level, request.strict());
            return capture(vm, plan, order, progress);
        }
    }

    /** Storage knows which operation made a snapshot, and not its words. */
    private static Snapshot sameRequest(Snapshot made, TakeRequest request, Vm vm) {
        boolean same = made.vm().equals(vm.id())
                && made.guard().isEmpty()
                && request.name().map(made.name()::equals).orElse(true);
        if (!same) {
            throw Operations.otherRequest(request.operation());
        }
        return made;
    }

    /** What is still to be said when VM and disks are settled. */
    record Order(
            OperationId operation,
            SnapshotName name,
            Labels labels,
            Optional<Snapshot.Guard> guard,
            Consistency level,
            boolean strict) {}

    /** The part that the VM's lock protects; a rollback takes its guard with it. */
    Snapshot capture(Vm vm, DiskPlan plan, Order order, Progress progress) {
        SnapshotId id = SnapshotId.of(clock.instant(), random.nextInt());
        try (Captures captures = Captures.begin(order.operation(), vm.id(), id, plan)) {
            if (!vm.definition().isEmpty()) {
                captures.save(Snapshot.DEFINITION_FILE, vm.definition());
            }
            if (order.guard().isPresent()) {
                captures.save(Snapshot.UNDECIDED_FILE, "");
            }
            Optional<String> firmware = vm.firmware().filter(file -> Files.exists(Path.of(file)));

            progress.step("cloning " + plan.size() + (plan.size() == 1 ? " disk" : " disks"));
            Instant[] moment = new Instant[1];
            Quiescence quiescence = standstill.during(vm, order.level(), !plan.atOneMoment(), order.strict(), () -> {
                moment[0] = clock.instant();
                captures.cloneDisks();
                firmware.ifPresent(file -> captures.saveCopy(Snapshot.FIRMWARE_FILE, Path.of(file)));
            });

            progress.step("making it durable");
            List<DiskImage> images = captures.sync();
            Snapshot snapshot = new Snapshot(
                    id,
                    vm.id(),
                    vm.name(),
                    order.name(),
                    moment[0],
                    order.labels(),
                    order.guard(),
                    Optional.empty(),
                    quiescence,
                    captures.home(),
                    images,
                    firmware,
                    order.operation());
            captures.publish(snapshot);
            catalog.put(snapshot);
            return snapshot;
        }
    }

    SnapshotName nameFromTime(String prefix) {
        return new SnapshotName(prefix + NAME_FROM_TIME.format(clock.instant().atZone(clock.getZone())));
    }

    /** A first try may have published the snapshot and found the catalog damaged: until it is whole, nobody can tell. */
    void refuseHalfKnown(Vm vm) {
        if (catalog.needsRebuild()) {
            throw new Problem(
                    Code.UNAVAILABLE,
                    "cannot take a snapshot of VM " + vm,
                    "the catalog is being made anew, and only then it is known which snapshots there are",
                    "Try again in a moment; the daemon's log tells how far it is");
        }
    }

    private void refuseDuplicate(Vm vm, SnapshotName name) {
        Optional<Snapshot> same = catalog.named(vm.id(), name).stream()
                .filter(other -> other.labels().retired().isEmpty())
                .findFirst();
        same.ifPresent(other -> {
            throw new Problem(
                    Code.EXISTS,
                    "cannot take snapshot " + name + " of VM " + vm,
                    "it has a snapshot of that name, taken " + other.takenAt(),
                    "Choose another name, or leave it out to get one made from the time");
        });
    }

    private static void refuseMoved(Vm vm, DiskPlan before, DiskPlan now) {
        if (!before.storeIds().containsAll(now.storeIds())) {
            throw new Problem(
                    Code.BUSY,
                    "cannot take a snapshot of VM " + vm,
                    "its disks were moved to another store just now",
                    "Try again");
        }
    }
}
