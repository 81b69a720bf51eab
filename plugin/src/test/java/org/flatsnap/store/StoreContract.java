package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.flatsnap.linux.Durability;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.flatsnap.model.VolumeName;
import org.flatsnap.store.Intent.Swap;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.RunningGuest;
import org.flatsnap.testing.TestStorage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every store promises, on real storage. */
abstract class StoreContract {
    /** What the file system itself may need to tell of a change. */
    private static final long TOLERANCE = 512 << 10;

    private static final VmId VM = Snapshots.WEB01;
    private static final DiskName VDA = new DiskName("vda");
    private static final OperationId OPERATION = OperationId.random();
    private static final VolumeName DISK = new VolumeName("vm-100-disk-0");
    private static final VolumeName OTHER = new VolumeName("vm-101-disk-1");
    private static final long VOLUME_BYTES = 1 << 20;

    private TestStorage storage;
    private Store store;
    private Path live;
    private int taken;

    abstract TestStorage make();

    @BeforeEach
    void open() throws IOException {
        storage = make();
        store = reopen();
        live = storage.newDisk("vm");
        Bench.write(live, "v0");
    }

    @AfterEach
    void close() {
        store.close();
        storage.close();
    }

    private Store reopen() {
        return storage.place().open(Optional.empty());
    }

    private Snapshot take(String name) {
        return take(name, OperationId.random());
    }

    private Snapshot take(String name, OperationId operation) {
        return take(name, operation, new DiskSource(VDA, live));
    }

    private Snapshot take(String name, OperationId operation, DiskSource disk) {
        SnapshotId id = SnapshotId.of(Instant.now(), taken++);
        try (Capture capture = store.capture(operation, VM, id, List.of(disk))) {
            capture.save("domain.xml", "<domain/>");
            capture.cloneDisks();
            List<DiskImage> images = capture.sync();
            Snapshot snapshot = snapshot(id, name, operation, images);
            capture.publish(snapshot);
            return snapshot;
        }
    }

    private Snapshot snapshot(SnapshotId id, String name, OperationId operation, List<DiskImage> images) {
        return new Snapshot(
                id,
                VM,
                new VmName("web01"),
                new SnapshotName(name),
                Instant.now(),
                Labels.NONE,
                Optional.empty(),
                Optional.empty(),
                new Quiescence(Consistency.CRASH, Consistency.CRASH, VmState.OFF, 0, 0, false, ""),
                store.id(),
                images,
                Optional.empty(),
                operation);
    }

    private List<Snapshot> scan(List<Problem> damaged) {
        try (var stream = store.scan(damaged::add)) {
            return stream.toList();
        }
    }

    /** With no VM defined. */
    private boolean recover() {
        return store.recover(vm -> false, published -> {});
    }

    private void delete(SnapshotId id) {
        store.unpublish(VM, id);
        assertThat(store.read(VM, id)).isEmpty();
        store.free(VM, id);
    }

    private String content(Snapshot snapshot) throws IOException {
        return Bench.read(store.image(snapshot, VDA));
    }

    @Test
    void identityStaysWhenItIsMountedElsewhere() {
        try (Store again = reopen()) {
            assertThat(again.id()).isEqualTo(store.id());
        }
    }

    @Test
    void aSnapshotIsInvisibleUntilPublishedAndCompleteThen() throws IOException {
        OperationId operation = OperationId.random();
        SnapshotId id = SnapshotId.of(Instant.now(), 0);
        try (Capture capture = store.capture(operation, VM, id, List.of(new DiskSource(VDA, live)))) {
            capture.cloneDisks();
            List<DiskImage> images = capture.sync();
            assertThat(store.published()).isEmpty();
            Bench.write(live, "v1");
            capture.publish(snapshot(id, "s0", operation, images));
        }
        Snapshot read = store.read(VM, id).orElseThrow();
        assertThat(scan(new ArrayList<>())).containsExactly(read);
        assertThat(content(read)).isEqualTo("v0");
        assertThat(read.disks().get(0).bytes()).isEqualTo(storage.diskBytes());
        storage.assertNothingStaged();
    }

    @Test
    void aCaptureThatEndsEarlyLeavesNothing() throws IOException {
        try (Capture capture = store.capture(
                OperationId.random(), VM, SnapshotId.of(Instant.now(), 0), List.of(new DiskSource(VDA, live)))) {
            capture.cloneDisks();
        }
        assertThat(store.published()).isEmpty();
        storage.assertNothingStaged();
    }

    @Test
    void noSnapshotDependsOnAnother() throws IOException {
        List<Snapshot> snapshots = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            Bench.write(live, "v" + i);
            snapshots.add(take("s" + i));
        }
        for (int i : new int[] {2, 0, 4}) {
            delete(snapshots.get(i).id());
        }
        delete(snapshots.get(2).id());
        assertThat(store.published().keySet())
                .containsExactlyInAnyOrder(
                        snapshots.get(1).id(), snapshots.get(3).id());
        assertThat(content(snapshots.get(1))).isEqualTo("v1");
        assertThat(content(snapshots.get(3))).isEqualTo("v3");
    }

    @Test
    void aRollbackIsAStagedRenameThatCanBeRepeated() throws IOException {
        Snapshot target = take("s0");
        Bench.write(live, "v1");
        DiskStamp stamp = stamp();
        Snapshot guard = take("guard");
        Intent intent;
        try (Staged staged = store.stage(OPERATION, target, target.disks(), Map.of(VDA, stamp))) {
            intent = intent(OPERATION, target, Optional.of(guard), staged.swaps());
            store.write(intent);
            staged.keep();
        }
        assertThat(Bench.read(live)).isEqualTo("v1");
        try (Store again = reopen()) {
            assertThat(again.intents(e -> {
                        throw e;
                    }))
                    .containsExactly(intent);
        }
        assertThat(recover()).isTrue();

        for (int i = 0; i < 2; i++) {
            store.swap(intent, intent.swaps().get(0));
            assertThat(Bench.read(live)).isEqualTo("v0");
        }
        store.lift(intent);
        store.lift(intent);
        assertThat(store.intent(VM)).isEmpty();
        storage.assertNothingStaged();
        Bench.write(live, "v2");
        assertThat(content(target)).isEqualTo("v0");
        assertThat(content(guard)).isEqualTo("v1");
    }

    private DiskStamp stamp() {
        return store.stamp(live).orElseThrow();
    }

    @Test
    void aLiveDiskThatTheGuardDoesNotHoldIsNotReplaced() throws IOException {
        Snapshot target = take("s0");
        Bench.write(live, "v1");
        DiskStamp stamp = stamp();
        Snapshot guard = take("guard");
        try (Staged staged = store.stage(OPERATION, target, target.disks(), Map.of(VDA, stamp))) {
            Intent intent = intent(OPERATION, target, Optional.of(guard), staged.swaps());
            assertThat(store.changed(intent, intent.swaps().get(0))).isFalse();
            Bench.write(live, "v2");
            assertThat(store.changed(intent, intent.swaps().get(0))).isTrue();
            assertProblem(
                    Code.REFUSED,
                    "changed after the guard",
                    () -> store.swap(intent, intent.swaps().get(0)));
        }
        assertThat(Bench.read(live)).isEqualTo("v2");
    }

    @Test
    void aMissingStagedDiskIsNotTakenForDone() throws IOException {
        Snapshot target = take("s0");
        Bench.write(live, "v1");
        DiskStamp stamp = stamp();
        Snapshot guard = take("guard");
        Intent intent;
        try (Staged staged = store.stage(OPERATION, target, target.disks(), Map.of(VDA, stamp))) {
            intent = intent(OPERATION, target, Optional.of(guard), staged.swaps());
        }
        assertThatThrownBy(() -> store.swap(intent, intent.swaps().get(0))).isInstanceOf(Problem.class);
        assertThat(Bench.read(live)).isEqualTo("v1");
    }

    @Test
    void aStoreThatIsAwayIsNotEmpty() {
        take("s0");
        storage.detach();
        try {
            String why = storage.awayReason();
            assertProblem(Code.UNAVAILABLE, why, () -> store.published());
            assertProblem(Code.UNAVAILABLE, why, () -> store.lock(VM, Duration.ZERO));
            assertProblem(Code.UNAVAILABLE, why, () -> store.volumes().list());
            assertProblem(Code.UNAVAILABLE, why, () -> store.volumes().remove(DISK));
            assertProblem(Code.UNAVAILABLE, "", () -> storage.place().open(Optional.of(store.id())));
        } finally {
            storage.attach();
        }
        assertThat(store.published()).hasSize(1);
    }

    private static Intent intent(OperationId operation, Snapshot target, Optional<Snapshot> guard, List<Swap> swaps) {
        return new Intent(
                operation,
                "node1",
                VM,
                target.id(),
                guard.map(Snapshot::id),
                swaps,
                Optional.empty(),
                Optional.of("<domain/>"),
                true);
    }

    @Test
    void stagingWithoutAnIntentIsWithdrawn() throws IOException {
        Snapshot target = take("s0");
        try (Staged staged = store.stage(OperationId.random(), target, target.disks(), Map.of(VDA, stamp()))) {
            assertThat(staged.swaps()).hasSize(1);
        }
        storage.assertNothingStaged();
    }

    @Test
    void newDisksAreRemovedAgainUnlessTheVmWasMade() throws IOException {
        Snapshot source = take("s0");
        Path target = store.cloneTarget(source.disks().get(0), new VmName("web02"));
        List<Store.Target> targets = List.of(new Store.Target(VDA, target));
        try (CloneOut clone = store.cloneOut(OperationId.random(), source, VM, targets, Optional.empty())) {
            assertThat(Bench.read(target)).isEqualTo("v0");
            assertThat(clone).isNotNull();
        }
        // udev removes the link of a volume a little later.
        RunningGuest.await(Duration.ofMinutes(1), target + " to go", () -> !Files.exists(target));

        try (CloneOut clone = store.cloneOut(OperationId.random(), source, VM, targets, Optional.empty())) {
            clone.keep();
        }
        assertThat(Bench.read(target)).isEqualTo("v0");

        assertThatThrownBy(() -> store.cloneOut(OperationId.random(), source, VM, targets, Optional.empty()))
                .isInstanceOf(Problem.class);
        assertThat(Bench.read(target)).isEqualTo("v0");
        storage.assertNothingStaged();
    }

    @Test
    void stagingOfALivingOwnerStaysAndThatOfADeadOneGoes() throws IOException {
        Files.createDirectories(storage.base().resolve("staging/node-boot-dead/snapshot"));
        try (Capture capture = store.capture(
                OperationId.random(), VM, SnapshotId.of(Instant.now(), 0), List.of(new DiskSource(VDA, live)))) {
            capture.cloneDisks();
            recover();
            try (var files = Files.list(storage.base().resolve("staging"))) {
                assertThat(files).hasSize(1);
            }
        }
        storage.assertNothingStaged();
    }

    @Test
    void aHalfDoneDeleteIsFinished() throws IOException {
        Snapshot snapshot = take("s0");
        store.unpublish(VM, snapshot.id());
        assertThat(store.published()).isEmpty();
        assertThat(storage.holds(snapshot)).isTrue();
        recover();
        assertThat(storage.holds(snapshot)).isFalse();
    }

    @Test
    void anOpenReaderKeepsReadingWhatIsDeletedAndDelaysNothing() throws IOException {
        Snapshot snapshot = take("s0");
        try (Content.Reader reader = store.image(snapshot, VDA).open()) {
            delete(snapshot.id());
            assertThat(store.published()).isEmpty();
            ByteBuffer bytes = ByteBuffer.allocate(2);
            reader.channel().read(bytes, 0);
            assertThat(new String(bytes.array(), StandardCharsets.UTF_8)).isEqualTo("v0");
        }
        RunningGuest.await(Duration.ofMinutes(1), "what was read to go", () -> {
            recover();
            return !storage.holds(snapshot);
        });
    }

    @Test
    void aCloneIsWrittenWithoutHarmAndOutlivesItsSnapshot() throws IOException {
        Snapshot source = take("s0");
        Path clone = store.cloneTarget(source.disks().get(0), new VmName("web02"));
        try (CloneOut made = store.cloneOut(
                OperationId.random(), source, VM, List.of(new Store.Target(VDA, clone)), Optional.empty())) {
            made.keep();
        }
        Bench.write(clone, "w1");
        assertThat(content(source)).isEqualTo("v0");
        delete(source.id());
        recover();
        assertThat(store.published()).isEmpty();
        assertThat(Bench.read(clone)).isEqualTo("w1");
        assertThat(Bench.read(live)).isEqualTo("v0");
    }

    @Test
    void labelsAreReplacedAsAWhole() {
        Snapshot snapshot = take("s0");
        Labels labels = new Labels(new Description("text"), Snapshots.tags("a"), true);
        store.replace(snapshot.with(labels));
        assertThat(store.read(VM, snapshot.id()).orElseThrow().labels()).isEqualTo(labels);
    }

    @Test
    void aDamagedRecordIsReportedAndLeftWhereItIs() throws IOException {
        Snapshot whole = take("s0");
        Snapshot hurt = take("s1");
        for (String text : List.of(
                storage.record(hurt).replace("\"s1\"", "\"s9\""),
                "{\"format\": 1",
                "{}",
                "[]",
                "",
                "{\"format\": 99, \"sha256\": \"\", \"content\": {}}")) {
            storage.damageRecord(hurt, text);
            List<Problem> damaged = new ArrayList<>();
            assertThat(scan(damaged)).containsExactly(whole);
            assertThat(damaged).hasSize(1);
            assertThat(damaged.get(0).getMessage()).contains(storage.recordName(hurt));
            assertThat(content(hurt)).isEqualTo("v0");
        }
        storage.damageRecord(hurt, null);
        List<Problem> damaged = new ArrayList<>();
        assertThat(scan(damaged)).containsExactly(whole);
        assertThat(damaged).hasSize(1);
    }

    @Test
    void oneOperationAtATimeWorksOnAVm() {
        try (VmLock lock = store.lock(VM, Duration.ZERO)) {
            assertThat(lock).isNotNull();
            assertProblem(Code.BUSY, "another operation", () -> store.lock(VM, Duration.ofMillis(50)));
            store.lock(new VmId("other"), Duration.ZERO).close();
        }
        store.lock(VM, Duration.ZERO).close();
    }

    @Test
    void oneOperationIdIsNotStagedTwiceAtOnce() {
        OperationId operation = OperationId.random();
        SnapshotId id = SnapshotId.of(Instant.now(), 0);
        List<DiskSource> disks = List.of(new DiskSource(VDA, live));
        try (Capture capture = store.capture(operation, VM, id, disks)) {
            assertThat(capture).isNotNull();
            assertProblem(Code.BUSY, "under way already", () -> store.capture(operation, VM, id, disks));
        }
    }

    @Test
    void aFullStoreRefusesTakesLosesNothingAndCanBeEmptied() throws Exception {
        Snapshot first = take("s0");
        Bench.write(live, "v1");
        Snapshot second = take("s1");
        try (AutoCloseable filler = storage.fill()) {
            // Small files may still find room in a full file system; in the end one does not.
            List<Problem> refusals = new ArrayList<>();
            for (int i = 0; i < 3000 && refusals.isEmpty(); i++) {
                try {
                    take("more" + i);
                } catch (Problem e) {
                    refusals.add(e);
                }
            }
            assertThat(refusals).extracting(Problem::code).containsExactly(Code.NO_SPACE);
            assertThat(refusals.get(0).remedy()).contains("flatsnap delete");
            assertThat(content(first)).isEqualTo("v0");
            assertThat(content(second)).isEqualTo("v1");

            store.published().keySet().forEach(id -> delete(id));
            assertThat(store.published()).isEmpty();
        }
        take("again");
        recover();
        storage.assertNothingStaged();
    }

    @Test
    void aReadOnlyStoreIsReadAndNotWritten() throws IOException {
        Snapshot snapshot = take("s0");
        storage.setReadOnly(true);
        try (Store readOnly = reopen()) {
            assertThat(readOnly.status().readOnly()).isTrue();
            assertThat(scan(new ArrayList<>())).containsExactly(snapshot);
            assertProblem(Code.UNAVAILABLE, "read-only", () -> readOnly.lock(VM, Duration.ZERO));
            assertProblem(Code.UNAVAILABLE, "read-only", () -> readOnly.unpublish(VM, snapshot.id()));
            assertProblem(Code.UNAVAILABLE, "read-only", () -> take("s1"));
        } finally {
            storage.setReadOnly(false);
        }
        take("s1");
    }

    @Test
    void whatDeletingWouldFreeIsWhatItFrees() throws IOException {
        List<Snapshot> snapshots = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            overwrite(i << 20, 4 << 20, i);
            snapshots.add(take("s" + i));
        }
        overwrite(0, 8 << 20, 9);
        Durability.sync(live);

        Map<SnapshotId, Long> exclusive = store.exclusiveBytes();
        assertThat(exclusive.keySet()).isEqualTo(store.published().keySet());
        for (Snapshot snapshot : List.of(snapshots.get(1), snapshots.get(3))) {
            long expected = exclusive.get(snapshot.id());
            if (storage.freesPartsOfExtents()) {
                assertFreed(Set.of(snapshot.id()), expected);
            } else {
                long before = available();
                delete(snapshot.id());
                assertThat(available() - before).isLessThanOrEqualTo(expected + TOLERANCE);
            }
            exclusive = store.exclusiveBytes();
        }
        Set<SnapshotId> rest = exclusive.keySet();
        long alone = exclusive.values().stream().mapToLong(Long::longValue).sum();
        long together = store.freedByDeleting(rest);
        assertThat(together).isGreaterThan(alone);
        if (storage.freesPartsOfExtents()) {
            assertFreed(rest, together);
        }
    }

    private void overwrite(long position, int length, int fill) throws IOException {
        byte[] bytes = new byte[length];
        java.util.Arrays.fill(bytes, (byte) (fill + 1));
        try (FileChannel channel = FileChannel.open(live, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(bytes), position);
        }
    }

    private void assertFreed(Set<SnapshotId> going, long expected) throws IOException {
        long before = available();
        going.forEach(id -> delete(id));
        long[] freed = new long[1];
        try {
            RunningGuest.await(Duration.ofSeconds(60), expected + " bytes to be freed", () -> {
                freed[0] = available() - before;
                return Math.abs(freed[0] - expected) <= TOLERANCE;
            });
        } catch (AssertionError e) {
            throw new AssertionError(freed[0] + " bytes were freed instead of " + expected, e);
        }
        assertThat(expected).isPositive();
    }

    private long available() {
        storage.sync();
        return store.status().availableBytes();
    }

    @Test
    void disksElsewhereAreNotCovered() {
        assertThat(store.covers(live)).isTrue();
        assertThat(store.obstacle(live)).isEmpty();
        assertThat(store.covers(storage.path("absent"))).isTrue();
        assertThat(store.covers(Path.of("/var/tmp/vm.raw"))).isFalse();
    }

    @Test
    void aLostIdentityIsNotReplacedByANewOne() throws IOException {
        Snapshot snapshot = take("s0");
        Files.delete(storage.base().resolve("store.json"));
        assertProblem(Code.INTERNAL, "identity file", this::reopen);
        assertThat(content(snapshot)).isEqualTo("v0");
    }

    @Test
    void aVolumeIsMadeGrownAndRemoved() throws IOException {
        Volumes volumes = store.volumes();
        assertThat(volumes.list()).isEmpty();
        Volumes.Volume made = volumes.create(DISK, VOLUME_BYTES);
        assertThat(made.path()).isEqualTo(volumes.path(DISK)).satisfies(path -> assertThat(store.covers(path))
                .isTrue());
        assertThat(made.bytes()).isEqualTo(VOLUME_BYTES);
        assertThat(made.usedBytes()).isLessThan(VOLUME_BYTES / 2);
        assertThat(made.madeAt()).isBetween(Instant.now().minusSeconds(600), Instant.now());
        assertThat(volumes.list()).containsExactly(made);
        assertThat(Bench.read(made.path())).isEmpty();
        Bench.write(made.path(), "v0");

        assertThat(volumes.resize(DISK, 2 * VOLUME_BYTES).bytes()).isEqualTo(2 * VOLUME_BYTES);
        assertThat(volumes.resize(DISK, 2 * VOLUME_BYTES).bytes()).isEqualTo(2 * VOLUME_BYTES);
        assertProblem(Code.INVALID, "would be lost", () -> volumes.resize(DISK, VOLUME_BYTES));
        assertProblem(Code.INVALID, "no size", () -> volumes.create(OTHER, 0));
        assertProblem(Code.EXISTS, DISK.value(), () -> volumes.create(DISK, VOLUME_BYTES));
        assertProblem(Code.NOT_FOUND, OTHER.value(), () -> volumes.resize(OTHER, VOLUME_BYTES));
        assertThat(Bench.read(made.path())).isEqualTo("v0");
        assertThat(length(made.path())).isEqualTo(2 * VOLUME_BYTES);

        remove(DISK);
        assertThat(volumes.list()).isEmpty();
        assertThat(volumes.find(DISK)).isEmpty();
        storage.assertNothingStaged();
    }

    private static long length(Path disk) throws IOException {
        try (FileChannel channel = FileChannel.open(disk)) {
            return channel.position(channel.size()).position();
        }
    }

    private void remove(VolumeName name) {
        store.volumes().remove(name);
        Path path = store.volumes().path(name);
        // udev removes the link of a volume a little later.
        RunningGuest.await(Duration.ofMinutes(1), path + " to go", () -> !Files.exists(path));
        store.volumes().remove(name);
    }

    @Test
    void aRenamedVolumeIsTheSameAndReplacesNoOther() throws IOException {
        Volumes volumes = store.volumes();
        Bench.write(volumes.create(DISK, VOLUME_BYTES).path(), "v0");
        Snapshot snapshot = take("s0", OperationId.random(), source(DISK));
        Bench.write(volumes.path(DISK), "v1");
        Bench.write(volumes.create(OTHER, VOLUME_BYTES).path(), "other");
        assertProblem(Code.EXISTS, OTHER.value(), () -> volumes.rename(DISK, OTHER));
        assertThat(Bench.read(volumes.path(OTHER))).isEqualTo("other");
        assertThat(Bench.read(volumes.path(DISK))).isEqualTo("v1");

        VolumeName base = new VolumeName("base-100-disk-0");
        assertThat(volumes.rename(DISK, base).path()).isEqualTo(volumes.path(base));
        assertThat(volumes.list()).extracting(Volumes.Volume::name).containsExactly(base, OTHER);
        assertProblem(Code.NOT_FOUND, DISK.value(), () -> volumes.rename(DISK, base));
        assertThat(Bench.read(volumes.path(base))).isEqualTo("v1");
        assertThat(Bench.read(store.image(snapshot, DISK.disk()))).isEqualTo("v0");
        delete(snapshot.id());
        assertThat(storage.isFreed(snapshot)).isTrue();
        storage.assertNothingStaged();
    }

    private DiskSource source(VolumeName name) {
        return new DiskSource(name.disk(), store.volumes().path(name));
    }

    @Test
    void imagesOutliveTheirVolume() throws IOException {
        Volumes volumes = store.volumes();
        Bench.write(volumes.create(DISK, VOLUME_BYTES).path(), "v0");
        Snapshot first = take("s0", OperationId.random(), source(DISK));
        Bench.write(volumes.path(DISK), "v1");
        Snapshot second = take("s1", OperationId.random(), source(DISK));
        remove(DISK);
        assertThat(recover()).isTrue();
        assertThat(scan(new ArrayList<>())).containsExactlyInAnyOrder(first, second);
        assertThat(volumes.list()).isEmpty();

        Bench.write(volumes.create(DISK, VOLUME_BYTES).path(), "new");
        Snapshot later = take("s0 of another", OperationId.random(), source(DISK));
        delete(second.id());
        assertThat(Bench.read(store.image(first, DISK.disk()))).isEqualTo("v0");
        assertThat(Bench.read(store.image(later, DISK.disk()))).isEqualTo("new");
        delete(first.id());
        recover();
        assertThat(List.of(first, second)).noneMatch(storage::holds);
        assertThat(Bench.read(volumes.path(DISK))).isEqualTo("new");
        storage.assertNothingStaged();
    }

    @Test
    void aVolumeAndItsCopyDoNotNeedEachOther() throws IOException {
        Volumes volumes = store.volumes();
        Bench.write(volumes.create(DISK, VOLUME_BYTES).path(), "v0");
        assertThat(volumes.copy(DISK, OTHER).bytes()).isEqualTo(VOLUME_BYTES);
        assertProblem(Code.EXISTS, OTHER.value(), () -> volumes.copy(DISK, OTHER));
        VolumeName third = new VolumeName("vm-102-disk-0");
        Bench.write(volumes.path(DISK), "v1");
        assertThat(Bench.read(volumes.path(OTHER))).isEqualTo("v0");
        volumes.copy(OTHER, third);
        Bench.write(volumes.path(OTHER), "v2");
        assertThat(Bench.read(volumes.path(DISK))).isEqualTo("v1");
        Snapshot snapshot = take("s0", OperationId.random(), source(OTHER));

        remove(DISK);
        assertProblem(Code.NOT_FOUND, DISK.value(), () -> volumes.copy(DISK, OTHER));
        assertThat(Bench.read(volumes.path(OTHER))).isEqualTo("v2");
        remove(OTHER);
        assertThat(Bench.read(volumes.path(third))).isEqualTo("v0");
        assertThat(Bench.read(store.image(snapshot, OTHER.disk()))).isEqualTo("v2");
        delete(snapshot.id());
        recover();
        remove(third);
        assertThat(storage.holds(snapshot)).isFalse();
        storage.assertNothingStaged();
    }

    @Test
    void aCloneOfAnImageBecomesAVolume() throws IOException {
        Volumes volumes = store.volumes();
        Bench.write(volumes.create(DISK, VOLUME_BYTES).path(), "v0");
        Snapshot snapshot = take("s0", OperationId.random(), source(DISK));
        List<Store.Target> targets = List.of(new Store.Target(DISK.disk(), volumes.path(OTHER)));
        store.cloneOut(OperationId.random(), snapshot, VM, targets, Optional.empty())
                .close();
        RunningGuest.await(Duration.ofMinutes(1), OTHER + " to go", () -> !Files.exists(volumes.path(OTHER)));
        assertThat(volumes.list()).extracting(Volumes.Volume::name).containsExactly(DISK);
        try (CloneOut clone = store.cloneOut(OperationId.random(), snapshot, VM, targets, Optional.empty())) {
            clone.keep();
        }
        assertThat(volumes.list()).extracting(Volumes.Volume::name).containsExactly(DISK, OTHER);
        remove(DISK);
        delete(snapshot.id());
        recover();
        assertThat(Bench.read(volumes.path(OTHER))).isEqualTo("v0");
        assertThat(storage.isFreed(snapshot)).isTrue();
    }

    @Test
    void aSnapshotGetsFurtherDisksAllAtOnceOrNone() throws IOException {
        Snapshot snapshot = take("s0");
        Bench.write(store.volumes().create(DISK, VOLUME_BYTES).path(), "v0");
        List<DiskSource> further = List.of(source(DISK));
        try (Capture capture = store.extend(OperationId.random(), snapshot, further)) {
            capture.cloneDisks();
            capture.sync();
            assertThat(store.read(VM, snapshot.id())).contains(snapshot);
        }
        assertThat(scan(new ArrayList<>())).containsExactly(snapshot);
        storage.assertNothingStaged();

        storage.leaveImage(snapshot, DISK.disk(), store.volumes().path(DISK));
        assertThat(store.read(VM, snapshot.id())).contains(snapshot);
        Bench.write(store.volumes().path(DISK), "v1");
        Snapshot whole = extend(snapshot, further);
        assertThat(store.read(VM, snapshot.id())).contains(whole);
        recover();
        assertThat(scan(new ArrayList<>())).containsExactly(whole);
        assertThat(content(whole)).isEqualTo("v0");
        assertThat(Bench.read(store.image(whole, DISK.disk()))).isEqualTo("v1");
        assertThat(store.savedFile(VM, whole.id(), "domain.xml")).hasContent("<domain/>");
        assertProblem(Code.EXISTS, "of that name", () -> store.extend(OPERATION, whole, further));

        remove(DISK);
        delete(whole.id());
        recover();
        assertThat(storage.holds(whole)).isFalse();
    }

    private Snapshot extend(Snapshot snapshot, List<DiskSource> further) {
        try (Capture capture = store.extend(OperationId.random(), snapshot, further)) {
            capture.cloneDisks();
            List<DiskImage> images = new ArrayList<>(snapshot.disks());
            images.addAll(capture.sync());
            Snapshot extended = new Snapshot(
                    snapshot.id(),
                    snapshot.vm(),
                    snapshot.vmName(),
                    snapshot.name(),
                    snapshot.takenAt(),
                    snapshot.labels(),
                    snapshot.guard(),
                    snapshot.foreign(),
                    snapshot.quiescence(),
                    snapshot.home(),
                    images,
                    snapshot.firmware(),
                    snapshot.operation());
            capture.publish(extended);
            return extended;
        }
    }

    @Test
    void anImageThatNoRecordNamesGoesWithItsSnapshotAtTheLatest() throws IOException {
        Snapshot snapshot = take("s0");
        store.volumes().create(DISK, VOLUME_BYTES);
        storage.leaveImage(snapshot, DISK.disk(), store.volumes().path(DISK));
        recover();
        assertThat(scan(new ArrayList<>())).containsExactly(snapshot);
        assertThat(content(snapshot)).isEqualTo("v0");
        delete(snapshot.id());
        recover();
        assertThat(storage.holds(snapshot)).isFalse();
        remove(DISK);
    }

    static void assertProblem(Code code, String why, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).as(problem.getMessage()).isEqualTo(code);
            assertThat(problem.why()).contains(why);
            assertThat(problem.remedy()).isNotBlank();
        });
    }
}
