package org.flatsnap.engine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.engine.GuardSnapshot.Replaced;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.store.DiskStamp;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Staged;

/** The middle of a rollback, whoever asks for it: from a VM that is locked and off to an intent, which will be finished. */
final class DecideRollback {
    private final Stores stores;
    private final GuardSnapshot guarding;
    private final FinishRollback finishing;
    private final ChangeSnapshot changing;

    DecideRollback(Stores stores, GuardSnapshot guarding, FinishRollback finishing, ChangeSnapshot changing) {
        this.stores = stores;
        this.guarding = guarding;
        this.finishing = finishing;
        this.changing = changing;
    }

    /**
     * What is to be done.
     *
     * @param target the snapshot to go back to
     * @param images those of its disks that are meant, with the places they go to
     * @param partial whether it is about these disks alone and leaves the definition as it is
     * @param stop whether a VM that runs may be stopped for it
     * @param description of the rollback, for people
     */
    record Plan(
            OperationId operation,
            Snapshot target,
            List<DiskImage> images,
            boolean partial,
            boolean stop,
            String description) {

        List<StoreId> stores() {
            return images.stream().map(DiskImage::store).distinct().toList();
        }

        List<Path> live() {
            return images.stream().map(image -> Path.of(image.source())).toList();
        }
    }

    /**
     * Publishes a guard of the files that will be replaced, stages the images and writes the intent; if it throws, nothing has
     * happened. The caller holds the VM's lock.
     *
     * @param start whether the VM ran and is to be started afterwards
     * @param stillOff throws if the VM has been started; asked when nobody can start it any more
     */
    Intent decide(Plan plan, Vm vm, boolean start, Runnable stillOff, Progress progress) {
        stores.refuseIntent(vm, plan.stores());
        FinishRollback.refuseInUse(vm.name().value(), plan.live());
        progress.step("taking a guard snapshot of the present state");
        Map<DiskName, DiskStamp> guarded = stamps(plan);
        Optional<Snapshot> guard = guard(plan, vm, progress);
        progress.step("staging " + plan.images().size() + (plan.images().size() == 1 ? " disk" : " disks"));
        try {
            return stage(plan, vm, guard.map(Snapshot::id), guarded, start, stillOff);
        } catch (Problem e) {
            guard.ifPresent(unused -> withdraw(unused, e));
            throw e;
        }
    }

    /** The guard of a rollback that was not done: an undo must not find it. */
    private void withdraw(Snapshot guard, Problem because) {
        try {
            if (stores.require(guard.home()).intent(guard.vm()).isEmpty()) {
                changing.remove(guard);
            }
        } catch (Problem e) {
            because.addSuppressed(e);
        }
    }

    private Map<DiskName, DiskStamp> stamps(Plan plan) {
        Map<DiskName, DiskStamp> stamps = new HashMap<>();
        for (DiskImage image : plan.images()) {
            stores.require(image.store())
                    .stamp(Path.of(image.source()))
                    .ifPresent(stamp -> stamps.put(image.disk(), stamp));
        }
        return stamps;
    }

    private Optional<Snapshot> guard(Plan plan, Vm vm, Progress progress) {
        List<Replaced> files = plan.images().stream()
                .map(image -> new Replaced(image.disk(), image.store(), Path.of(image.source())))
                .toList();
        return guarding.take(plan.operation(), vm, files, plan.description(), plan.partial(), progress);
    }

    private Intent stage(
            Plan plan,
            Vm vm,
            Optional<SnapshotId> guard,
            Map<DiskName, DiskStamp> guarded,
            boolean start,
            Runnable stillOff) {
        List<Staged> staged = new ArrayList<>();
        try {
            for (StoreId id : plan.stores()) {
                List<DiskImage> here = plan.images().stream()
                        .filter(image -> image.store().equals(id))
                        .toList();
                staged.add(stores.require(id).stage(plan.operation(), plan.target(), here, guarded));
            }
            // Without a guard the present definition would be kept nowhere, so it stays; and others keep no definition.
            boolean whole = !plan.partial()
                    && guard.isPresent()
                    && plan.target().foreign().isEmpty();
            Intent intent = new Intent(
                    plan.operation(),
                    finishing.node(),
                    vm.id(),
                    plan.target().id(),
                    guard,
                    staged.stream().flatMap(part -> part.swaps().stream()).toList(),
                    whole ? plan.target().firmware() : Optional.empty(),
                    whole ? Optional.of(finishing.definition(plan.target())) : Optional.empty(),
                    start);
            try {
                finishing.write(intent);
                finishing.stageFirmware(intent);
                // While the intent stands nobody can start the VM; this finds who did just before.
                stillOff.run();
                FinishRollback.refuseInUse(vm.name().value(), intent);
                finishing.refuseChanged(intent);
            } catch (Problem e) {
                if (!finishing.takenBack(intent, e)) {
                    staged.forEach(Staged::keep);
                }
                throw e;
            }
            staged.forEach(Staged::keep);
            return intent;
        } finally {
            Closing.each(staged, Staged::close);
        }
    }
}
