package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
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
import org.flatsnap.store.Intent.Swap;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.RunningGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every store promises, on a real file system. */
abstract class StoreContract {
    /** What the file system itself may need to tell of a change. */
    private static final long TOLERANCE = 512 << 10;

    private static final VmId VM = Snapshots.WEB01;
    private static final DiskName VDA = new DiskName("vda");

    private LoopFileSystem fileSystem;
    private Store store;
    private Path live;
    private int taken;

    abstract LoopFileSystem make();

    /** Before anything is written to it. */
    void prepare(Path disk) throws IOException {
        Files.createFile(disk);
    }

    /** Whether the file system frees the unused part of an extent that it wrote as one. */
    boolean freesPartsOfExtents() {
        return true;
    }

    @BeforeEach
    void open() throws IOException {
        fileSystem = make();
        store = ReflinkStore.open(fileSystem.root(), Optional.empty());
        live = fileSystem.root().resolve("vm.raw");
        prepare(live);
        Bench.write(live, "v0");
    }

    @AfterEach
    void close() {
        fileSystem.close();
    }

    private Snapshot take(String name) {
        return take(name, OperationId.random());
    }

    private Snapshot take(String name, OperationId operation) {
        SnapshotId id = SnapshotId.of(Instant.now(), taken++);
        try (Capture capture = store.capture(operation, VM, id, List.of(new DiskSource(VDA, live)))) {
            capture.save("domain.xml", "<domain/>");
            List<DiskImage> images = capture.cloneDisks();
            capture.sync();
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

    private void delete(SnapshotId id) {
        store.unpublish(VM, id);
        assertThat(store.read(VM, id)).isEmpty();
        store.free(VM, id);
    }

    private String content(Snapshot snapshot) throws IOException {
        return Bench.read(store.image(VM, snapshot.id(), VDA));
    }

    private Path flatsnap(String name) {
        return fileSystem.root().resolve(".flatsnap").resolve(name);
    }

    private void assertEmpty(String directory) throws IOException {
        try (var files = Files.list(flatsnap(directory))) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void identityStaysWhenItIsMountedElsewhere() {
        assertThat(ReflinkStore.open(fileSystem.root(), Optional.empty()).id()).isEqualTo(store.id());
    }

    @Test
    void aSnapshotIsInvisibleUntilPublishedAndCompleteThen() throws IOException {
        OperationId operation = OperationId.random();
        SnapshotId id = SnapshotId.of(Instant.now(), 0);
        try (Capture capture = store.capture(operation, VM, id, List.of(new DiskSource(VDA, live)))) {
            List<DiskImage> images = capture.cloneDisks();
            capture.sync();
            assertThat(store.published()).isEmpty();
            Bench.write(live, "v1");
            capture.publish(snapshot(id, "s0", operation, images));
        }
        Snapshot read = store.read(VM, id).orElseThrow();
        assertThat(scan(new ArrayList<>())).containsExactly(read);
        assertThat(content(read)).isEqualTo("v0");
        assertThat(read.disks().get(0).bytes()).isEqualTo(1 << 20);
        assertEmpty("staging");
    }

    @Test
    void aCaptureThatEndsEarlyLeavesNothing() throws IOException {
        try (Capture capture = store.capture(
                OperationId.random(), VM, SnapshotId.of(Instant.now(), 0), List.of(new DiskSource(VDA, live)))) {
            capture.cloneDisks();
        }
        assertThat(store.published()).isEmpty();
        assertEmpty("staging");
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
        Intent intent;
        try (Staged staged = store.stage(OperationId.random(), target, target.disks(), Map.of(VDA, stamp()))) {
            intent = intent(target, staged.swaps());
            store.write(intent);
            staged.keep();
        }
        assertThat(Bench.read(live)).isEqualTo("v1");
        assertThat(ReflinkStore.open(fileSystem.root(), Optional.empty()).intents(e -> {
                    throw e;
                }))
                .containsExactly(intent);
        assertThat(store.recover(vm -> false)).isTrue();

        for (int i = 0; i < 2; i++) {
            store.swap(intent.swaps().get(0));
            assertThat(Bench.read(live)).isEqualTo("v0");
        }
        store.lift(intent);
        store.lift(intent);
        assertThat(store.intent(VM)).isEmpty();
        assertEmpty("staging");
        Bench.write(live, "v2");
        assertThat(content(target)).isEqualTo("v0");
    }

    private FileStamp stamp() throws IOException {
        return FileStamp.of(live).orElseThrow();
    }

    @Test
    void aLiveFileThatTheGuardDoesNotHoldIsNotReplaced() throws IOException {
        Snapshot target = take("s0");
        Bench.write(live, "v1");
        try (Staged staged = store.stage(OperationId.random(), target, target.disks(), Map.of(VDA, stamp()))) {
            Bench.write(live, "v2");
            assertProblem(
                    Code.REFUSED,
                    "changed after the guard",
                    () -> store.swap(staged.swaps().get(0)));
        }
        assertThat(Bench.read(live)).isEqualTo("v2");
    }

    @Test
    void aMissingStagedDiskIsNotTakenForDone() throws IOException {
        Snapshot target = take("s0");
        Bench.write(live, "v1");
        Swap swap;
        try (Staged staged = store.stage(OperationId.random(), target, target.disks(), Map.of(VDA, stamp()))) {
            swap = staged.swaps().get(0);
        }
        assertThatThrownBy(() -> store.swap(swap)).isInstanceOf(Problem.class);
        assertThat(Bench.read(live)).isEqualTo("v1");
    }

    @Test
    void anUnmountedStoreIsAwayAndNotEmpty() {
        take("s0");
        Path root = fileSystem.root();
        fileSystem.unmount();
        try {
            assertProblem(Code.UNAVAILABLE, "not mounted", () -> store.published());
            assertProblem(Code.UNAVAILABLE, "not mounted", () -> store.lock(VM, Duration.ZERO));
            assertProblem(Code.UNAVAILABLE, "not mounted", () -> ReflinkStore.open(root, Optional.of(store.id())));
            assertThat(root).isEmptyDirectory();
        } finally {
            fileSystem.mount();
        }
        assertThat(store.published()).hasSize(1);
    }

    private static Intent intent(Snapshot target, List<Swap> swaps) {
        return new Intent(
                OperationId.random(),
                "node1",
                VM,
                target.id(),
                Optional.empty(),
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
        assertEmpty("staging");
    }

    @Test
    void newFilesAreRemovedAgainUnlessTheVmWasMade() throws IOException {
        Snapshot source = take("s0");
        Path target = fileSystem.root().resolve("clone.raw");
        List<Store.Target> targets = List.of(new Store.Target(VDA, target));
        try (CloneOut clone = store.cloneOut(OperationId.random(), source, VM, targets)) {
            assertThat(Bench.read(target)).isEqualTo("v0");
            assertThat(clone).isNotNull();
        }
        assertThat(target).doesNotExist();

        try (CloneOut clone = store.cloneOut(OperationId.random(), source, VM, targets)) {
            clone.keep();
        }
        assertThat(Bench.read(target)).isEqualTo("v0");

        assertThatThrownBy(() -> store.cloneOut(OperationId.random(), source, VM, targets))
                .isInstanceOf(Problem.class);
        assertThat(Bench.read(target)).isEqualTo("v0");
        assertEmpty("staging");
    }

    @Test
    void stagingOfALivingOwnerStaysAndThatOfADeadOneGoes() throws IOException {
        Files.createDirectories(flatsnap("staging").resolve("node-boot-dead").resolve("snapshot"));
        try (Capture capture = store.capture(
                OperationId.random(), VM, SnapshotId.of(Instant.now(), 0), List.of(new DiskSource(VDA, live)))) {
            capture.cloneDisks();
            store.recover(vm -> false);
            try (var files = Files.list(flatsnap("staging"))) {
                assertThat(files).hasSize(1);
            }
        }
        assertEmpty("staging");
    }

    @Test
    void aHalfDoneDeleteIsFinished() throws IOException {
        Snapshot snapshot = take("s0");
        store.unpublish(VM, snapshot.id());
        assertThat(store.published()).isEmpty();
        Path unpublished = flatsnap("vms").resolve(VM.value()).resolve(".deleted");
        assertThat(unpublished).isNotEmptyDirectory();
        store.recover(vm -> false);
        assertThat(unpublished).isEmptyDirectory();
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
        Path file = store.savedFile(VM, hurt.id(), "snapshot.json");
        for (String text : List.of(
                Files.readString(file).replace("\"s1\"", "\"s9\""),
                "{\"format\": 1",
                "{}",
                "[]",
                "",
                "{\"format\": 99, \"sha256\": \"\", \"content\": {}}")) {
            Files.writeString(file, text);
            List<Problem> damaged = new ArrayList<>();
            assertThat(scan(damaged)).containsExactly(whole);
            assertThat(damaged).hasSize(1);
            assertThat(damaged.get(0).getMessage()).contains(file.toString());
            assertThat(content(hurt)).isEqualTo("v0");
        }
        Files.delete(file);
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
    void aFullStoreRefusesTakesLosesNothingAndCanBeEmptied() throws IOException {
        Snapshot first = take("s0");
        Bench.write(live, "v1");
        Snapshot second = take("s1");
        Path filler = fileSystem.fill();

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
        Files.delete(filler);
        take("again");
        store.recover(vm -> false);
        assertEmpty("staging");
    }

    @Test
    void aReadOnlyStoreIsReadAndNotWritten() throws IOException {
        Snapshot snapshot = take("s0");
        fileSystem.remount("ro");
        try {
            Store readOnly = ReflinkStore.open(fileSystem.root(), Optional.empty());
            assertThat(readOnly.status().readOnly()).isTrue();
            assertThat(scan(new ArrayList<>())).containsExactly(snapshot);
            assertProblem(Code.UNAVAILABLE, "read-only", () -> readOnly.lock(VM, Duration.ZERO));
            assertProblem(Code.UNAVAILABLE, "read-only", () -> readOnly.unpublish(VM, snapshot.id()));
            assertProblem(Code.UNAVAILABLE, "read-only", () -> take("s1"));
        } finally {
            fileSystem.remount("rw");
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
            if (freesPartsOfExtents()) {
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
        if (freesPartsOfExtents()) {
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
        RunningGuest.await(Duration.ofSeconds(60), expected + " bytes to be freed", () -> {
            freed[0] = available() - before;
            return Math.abs(freed[0] - expected) <= TOLERANCE;
        });
        assertThat(expected).isPositive();
    }

    private long available() {
        Commands.run("sync", "-f", fileSystem.root().toString());
        return store.status().availableBytes();
    }

    @Test
    void filesElsewhereAreNotCovered() throws IOException {
        assertThat(store.covers(live)).isTrue();
        assertThat(store.covers(fileSystem.root().resolve("absent.raw"))).isTrue();
        assertThat(store.covers(fileSystem.root().resolve("absent/absent.raw"))).isFalse();
        assertThat(store.covers(Path.of("/var/tmp/vm.raw"))).isFalse();
        assertThat(store.covers(flatsnap("store.json"))).isFalse();
    }

    @Test
    void aLostIdentityIsNotReplacedByANewOne() throws IOException {
        Snapshot snapshot = take("s0");
        Files.delete(flatsnap("store.json"));
        assertProblem(Code.INTERNAL, "identity file", () -> ReflinkStore.open(fileSystem.root(), Optional.empty()));
        assertThat(content(snapshot)).isEqualTo("v0");
    }

    static void assertProblem(Code code, String why, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).as(problem.getMessage()).isEqualTo(code);
            assertThat(problem.why()).contains(why);
            assertThat(problem.remedy()).isNotBlank();
        });
    }
}
