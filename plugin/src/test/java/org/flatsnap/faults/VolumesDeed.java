package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import org.flatsnap.engine.Engine;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.flatsnap.model.VolumeName;
import org.flatsnap.store.Capture;
import org.flatsnap.store.DiskSource;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Staged;
import org.flatsnap.store.Store;
import org.flatsnap.store.Volumes;
import org.flatsnap.store.ZfsStorage;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;

/**
 * What a manager does to the volumes of a store, one step after the other, each done or not done: a step that was not answered is
 * asked for again as somebody does who looks first what became of it.
 */
final class VolumesDeed extends EngineDeed {
    private static final VmId VM = new VmId("100");
    private static final VolumeName FIRST = new VolumeName("vm-100-disk-0");
    private static final VolumeName COPY = new VolumeName("vm-100-disk-1");
    private static final VolumeName SECOND = new VolumeName("vm-101-disk-0");
    private static final VolumeName ROLLED = new VolumeName("vm-102-disk-0");
    private static final VolumeName TEMPLATE = new VolumeName("base-102-disk-0");
    private static final long BYTES = 1 << 20;
    /** What an administrator set on a volume, to be carried over to its copy. */
    private static final String SETTING = "com.example:owner=Anna";

    private final Optional<Failure> failure;
    private final List<Step> steps = new ArrayList<>();
    private final List<Snapshot> rolled = new ArrayList<>();
    // Deeds are made several in one moment.
    private final SnapshotId id =
            SnapshotId.of(Instant.now(), ThreadLocalRandom.current().nextInt());
    private Snapshot whole;
    private int done;

    private interface Work {
        void of(Store store) throws IOException;
    }

    /** @param after the volumes that there are then */
    private record Step(Work work, List<VolumeName> after) {}

    /** @param site of a call that fails once */
    VolumesDeed(EngineWorld world, Optional<String> site) {
        super("volumes" + site.map(name -> ", an error at " + name).orElse(""), world);
        // EIO of errno.h
        this.failure = site.map(name -> new Failure(name, 5, false));
        step(this::create, FIRST, ROLLED);
        step(this::copy, FIRST, COPY, ROLLED);
        step(VolumesDeed::rename, FIRST, SECOND, ROLLED);
        step(store -> store.volumes().resize(FIRST, 2 * BYTES), FIRST, SECOND, ROLLED);
        step(this::take, FIRST, SECOND, ROLLED);
        step(this::extend, FIRST, SECOND, ROLLED);
        step(store -> store.volumes().remove(FIRST), SECOND, ROLLED);
        step(store -> store.volumes().remove(SECOND), ROLLED);
        step(VolumesDeed::makeTemplate, TEMPLATE);
        step(store -> store.volumes().remove(TEMPLATE));
        step(this::readImages);
        step(this::deleteAll);
    }

    private void step(Work work, VolumeName... after) {
        steps.add(new Step(work, List.of(after)));
    }

    @Override
    Optional<Failure> failure() {
        return failure;
    }

    /** A volume that was rolled back, with what others did to it. */
    @Override
    void prepare() throws Exception {
        try (Store store = open()) {
            Bench.write(store.volumes().create(ROLLED, BYTES).path(), "rolled");
            Snapshot target = take(store, SnapshotId.of(Instant.now(), 2), ROLLED);
            Bench.write(store.volumes().path(ROLLED), "since");
            var stamp = store.stamp(store.volumes().path(ROLLED)).orElseThrow();
            Snapshot guard = take(store, SnapshotId.of(Instant.now(), 3), ROLLED);
            OperationId operation = OperationId.random();
            try (Staged staged = store.stage(operation, target, target.disks(), Map.of(ROLLED.disk(), stamp))) {
                Intent intent = new Intent(
                        operation,
                        "node1",
                        VM,
                        target.id(),
                        Optional.of(guard.id()),
                        staged.swaps(),
                        Optional.empty(),
                        Optional.of("<domain/>"),
                        true);
                store.write(intent);
                staged.keep();
                store.swap(intent, intent.swaps().get(0));
                store.lift(intent);
            }
            rolled.addAll(List.of(target, guard));
        }
        if (world().storage() instanceof ZfsStorage zfs) {
            String name = zfs.root().child(ROLLED.value()).name();
            Commands.run("zfs", "snapshot", name + "@sanoid");
            Commands.run("zfs", "set", "refreservation=1M", name);
        }
    }

    private Store open() {
        return world().storage().place().open(Optional.empty());
    }

    @Override
    Object act(Engine engine, OperationId operation) throws Exception {
        try (Store store = open()) {
            while (done < steps.size()) {
                steps.get(done).work().of(store);
                assertThat(names(store)).isEqualTo(new TreeSet<>(steps.get(done).after()));
                done++;
            }
        }
        return done;
    }

    private static Collection<VolumeName> names(Store store) {
        TreeSet<VolumeName> names = new TreeSet<>();
        store.volumes().list().forEach(volume -> names.add(volume.name()));
        return names;
    }

    private void create(Store store) throws IOException {
        Volumes volumes = store.volumes();
        Bench.write(
                volumes.find(FIRST)
                        .orElseGet(() -> volumes.create(FIRST, BYTES))
                        .path(),
                "first");
        if (world().storage() instanceof ZfsStorage zfs) {
            Commands.run(
                    "zfs",
                    "set",
                    SETTING,
                    "refreservation=1M",
                    zfs.root().child(FIRST.value()).name());
        }
    }

    private void copy(Store store) throws IOException {
        Volumes volumes = store.volumes();
        assertThat(Bench.read(volumes.find(COPY)
                        .orElseGet(() -> volumes.copy(FIRST, COPY))
                        .path()))
                .isEqualTo("first");
        if (world().storage() instanceof ZfsStorage zfs) {
            String copy = zfs.root().child(COPY.value()).name();
            assertThat(Commands.run("zfs", "get", "-H", "-s", "local", "-o", "property,value", "all", copy))
                    .contains(SETTING.replace('=', '\t'));
        }
    }

    private static void rename(Store store) throws IOException {
        Volumes volumes = store.volumes();
        assertThat(Bench.read(volumes.find(SECOND)
                        .orElseGet(() -> volumes.rename(COPY, SECOND))
                        .path()))
                .isEqualTo("first");
    }

    private static void makeTemplate(Store store) throws IOException {
        Volumes volumes = store.volumes();
        assertThat(Bench.read(volumes.find(TEMPLATE)
                        .orElseGet(() -> volumes.rename(ROLLED, TEMPLATE))
                        .path()))
                .isEqualTo("rolled");
    }

    private void take(Store store) {
        if (store.read(VM, id).isEmpty()) {
            take(store, id, FIRST);
        }
    }

    private static Snapshot take(Store store, SnapshotId id, VolumeName volume) {
        try (Capture capture = store.capture(OperationId.random(), VM, id, List.of(source(store, volume)))) {
            return publish(store, capture, id, List.of());
        }
    }

    private static DiskSource source(Store store, VolumeName volume) {
        return new DiskSource(volume.disk(), store.volumes().path(volume));
    }

    private static Snapshot publish(Store store, Capture capture, SnapshotId id, List<DiskImage> images) {
        capture.cloneDisks();
        List<DiskImage> all = new ArrayList<>(images);
        all.addAll(capture.sync());
        Snapshot snapshot = new Snapshot(
                id,
                VM,
                new VmName("guest100"),
                new SnapshotName("of " + id),
                Instant.now(),
                Labels.NONE,
                Optional.empty(),
                Optional.empty(),
                new Quiescence(Consistency.CRASH, Consistency.CRASH, VmState.OFF, 0, 0, false, ""),
                store.id(),
                all,
                Optional.empty(),
                OperationId.random());
        capture.publish(snapshot);
        return snapshot;
    }

    private void extend(Store store) {
        Snapshot present = store.read(VM, id).orElseThrow();
        if (present.disk(SECOND.disk()).isEmpty()) {
            assertThat(present.disks()).hasSize(1);
            try (Capture capture = store.extend(OperationId.random(), present, List.of(source(store, SECOND)))) {
                publish(store, capture, id, present.disks());
            }
        }
        whole = store.read(VM, id).orElseThrow();
    }

    private void readImages(Store store) throws IOException {
        for (VolumeName volume : List.of(FIRST, SECOND)) {
            assertThat(Bench.read(store.image(whole, volume.disk()))).isEqualTo("first");
        }
        assertThat(Bench.read(store.image(rolled.get(0), ROLLED.disk()))).isEqualTo("rolled");
        assertThat(Bench.read(store.image(rolled.get(1), ROLLED.disk()))).isEqualTo("since");
    }

    private void deleteAll(Store store) {
        for (Snapshot snapshot : List.of(rolled.get(0), whole, rolled.get(1))) {
            store.unpublish(VM, snapshot.id());
            store.free(VM, snapshot.id());
        }
    }

    @Override
    void assertBeforeOrAfter() {
        if (world().isAlive() && done < steps.size()) {
            try (Store store = open()) {
                List<VolumeName> before =
                        done == 0 ? List.of(ROLLED) : steps.get(done - 1).after();
                assertThat(names(store))
                        .isIn(
                                new TreeSet<>(before),
                                new TreeSet<>(steps.get(done).after()));
            }
        }
    }

    @Override
    void done(Object result) {
        world().deleted(whole);
        rolled.forEach(world()::deleted);
    }
}
