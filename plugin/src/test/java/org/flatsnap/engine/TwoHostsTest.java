package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
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
import org.flatsnap.store.Capture;
import org.flatsnap.store.DiskSource;
import org.flatsnap.store.DiskStamp;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Staged;
import org.flatsnap.store.Store;
import org.flatsnap.store.StorePlace;
import org.flatsnap.store.VmLock;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.RunningGuest;
import org.flatsnap.testing.StoreHost;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Two hosts and one store. The file system is XFS and both hosts are in this process; what a cluster adds to that is
 * Ocfs2TwoNodesEngineTest's.
 */
class TwoHostsTest {
    private static final Duration TOLD = Duration.ofSeconds(2);

    private static final VmId WEB = new VmId("web");
    private static final VmId MAIL = new VmId("mail");
    private static final DiskName VDA = new DiskName("vda");

    private LoopFileSystem fileSystem;
    private StoreHost a;
    private StoreHost b;
    private Path vda;
    private Path vdb;

    @BeforeEach
    void open() throws IOException {
        fileSystem = LoopFileSystem.smallXfs();
        vda = Bench.disk(fileSystem.root(), "web.raw", "a0");
        vdb = Bench.disk(fileSystem.root(), "web-data.raw", "b0");
        a = host("a");
        b = host("b");
        a.define(WEB, vda, vdb);
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
        fileSystem.close();
    }

    private static void within(Duration limit, String what, BooleanSupplier condition) {
        RunningGuest.await(limit, what, condition);
    }

    private Path base() {
        return fileSystem.root().resolve(".flatsnap");
    }

    private StorePlace place(String host) {
        return new StorePlace.Directory(fileSystem.root(), Optional.of(host));
    }

    private StoreHost host(String name) throws IOException {
        return new StoreHost(place(name), name);
    }

    private Store storeOf(String host) {
        return place(host).open(Optional.empty());
    }

    @Test
    void whatOneDoesTheOtherKnowsTwoSecondsLater() {
        Snapshot taken = a.take(WEB, "s1");
        within(TOLD, "the other host to list it", () -> b.catalog()
                .find(taken.id())
                .equals(Optional.of(taken)));

        b.define(WEB, vda, vdb);
        Labels labels = new Labels(new Description("seen by both"), Snapshots.tags("x"), true);
        b.engine().relabel(OperationId.random(), "web", "s1", old -> labels);
        within(
                TOLD,
                "the first host to see its labels",
                () -> a.catalog().find(taken.id()).orElseThrow().labels().equals(labels));

        a.engine().relabel(OperationId.random(), "web", "s1", old -> Labels.NONE);
        a.engine().delete(OperationId.random(), "web", "s1");
        within(TOLD, "the other host to see it gone", () -> b.names(WEB).isEmpty());
    }

    @Test
    void manyChangesOnBothSidesEndInTheSame() throws InterruptedException {
        b.define(MAIL, vdb);
        Thread other = new Thread(() -> churn(b, MAIL));
        other.start();
        churn(a, WEB);
        other.join();
        List<String> left = List.of("s1", "s3", "s5", "s7", "s9");
        for (StoreHost host : List.of(a, b)) {
            for (VmId vm : List.of(WEB, MAIL)) {
                within(TOLD, "both to list the same", () -> host.names(vm).equals(left));
            }
        }
    }

    private static void churn(StoreHost host, VmId vm) {
        for (int i = 0; i < 10; i++) {
            host.take(vm, "s" + i);
            if (i % 2 == 0) {
                host.engine().delete(OperationId.random(), vm.value(), "s" + i);
            }
        }
    }

    @Test
    void whatNoLineToldOfIsFoundWhenALineIsDamaged() throws IOException {
        Snapshot kept = a.take(WEB, "s1");
        Snapshot gone = a.take(WEB, "s2");
        within(TOLD, "the other host to list both", () -> b.names(WEB).size() == 2);
        Path directory = base().resolve("vms/web");
        Files.move(
                directory.resolve(gone.id().value()),
                base().resolve("staging/" + gone.id()),
                StandardCopyOption.ATOMIC_MOVE);

        Files.writeString(base().resolve("changes/a"), "{\"every\n", StandardOpenOption.APPEND);

        within(TOLD, "the other host to look at everything", () -> b.names(WEB).equals(List.of("s1")));
        assertThat(b.catalog().find(kept.id())).contains(kept);
    }

    @Test
    void whatHappenedBeforeAHostCameItSeesAtItsStart() throws IOException {
        b.close();
        a.take(WEB, "s1");
        b = host("b");
        assertThat(b.names(WEB)).containsExactly("s1");
    }

    @Test
    void oneHostAtATimeWorksOnAVm() {
        b.define(WEB, vda, vdb);
        b.define(MAIL, vdb);
        try (Store store = storeOf("a");
                VmLock lock = store.lock(WEB, Duration.ZERO)) {
            assertThatThrownBy(() -> b.take(WEB, "s1")).isInstanceOfSatisfying(Problem.class, e -> assertThat(e.code())
                    .isEqualTo(Code.BUSY));
            b.take(MAIL, "s1");
            assertThat(lock).isNotNull();
        }
        b.take(WEB, "s1");
    }

    /** A rollback of host a as far as its first disk. */
    private Intent half(Store store, Snapshot target) throws IOException {
        Map<DiskName, DiskStamp> stamps = new HashMap<>();
        for (DiskImage image : target.disks()) {
            stamps.put(image.disk(), store.stamp(Path.of(image.source())).orElseThrow());
        }
        OperationId operation = OperationId.random();
        try (Staged staged = store.stage(operation, target, target.disks(), stamps)) {
            Intent intent = new Intent(
                    operation,
                    "a",
                    WEB,
                    target.id(),
                    Optional.empty(),
                    staged.swaps(),
                    Optional.empty(),
                    Optional.empty(),
                    true);
            store.write(intent);
            staged.keep();
            store.swap(intent, intent.swaps().get(0));
            return intent;
        }
    }

    private List<String> disks() throws IOException {
        return List.of(Bench.read(vda), Bench.read(vdb));
    }

    @Test
    void aRollbackOfADeadHostGetsItsDisksAndWaitsForTheVm() throws IOException {
        Snapshot target = a.take(WEB, "s1");
        Bench.write(vda, "a1");
        Bench.write(vdb, "b1");
        a.close();
        try (Store store = storeOf("a")) {
            Intent intent;
            try (VmLock right = store.lockRollback(WEB, Duration.ZERO)) {
                intent = half(store, target);
                b.engine().keepHouse();
                assertThat(disks()).as("while its host is at it").containsExactly("a0", "b1");
                assertThat(right).isNotNull();
            }
            b.engine().keepHouse();
            assertThat(disks()).containsExactly("a0", "b0");
            assertThat(store.intent(WEB)).as("keeps the VM off").contains(intent);

            b.define(WEB, vda, vdb);
            b.engine().keepHouse();
            assertThat(store.intent(WEB)).isEmpty();
            assertThat(b.state(WEB)).as("it may run on the other host").isEqualTo(VmState.OFF);
            assertThat(base().resolve("staging")).isEmptyDirectory();
            b.take(WEB, "s2");
        } finally {
            a = host("a");
        }
        assertThat(disks()).containsExactly("a0", "b0");
    }

    @Test
    void whatAVmWroteOnAnotherHostIsNotReplacedBehindItsBack() throws IOException {
        Snapshot target = a.take(WEB, "s1");
        Bench.write(vdb, "b1");
        a.close();
        try (Store store = storeOf("a")) {
            half(store, target);
            Bench.write(vdb, "written by a guest that should not have run");
        }
        b.engine().keepHouse();
        assertThat(Bench.read(vdb)).startsWith("written by a guest");
        a = host("a");
        a.define(WEB, vda, vdb);
        a.engine().keepHouse();
        assertThat(disks()).containsExactly("a0", "b0");
        assertThat(a.state(WEB)).as("it ran there before").isEqualTo(VmState.RUNNING);
        a.engine().undo(OperationId.random(), "web", true);
        assertThat(Bench.read(vdb)).startsWith("written by a guest");
    }

    @Test
    void nvramThatOnlyTheDeadHostHadStagedIsMadeAnew() throws IOException {
        Path nvram = Files.writeString(fileSystem.root().resolve("web_VARS.fd"), "then");
        a.close();
        try (Store store = storeOf("a")) {
            Snapshot target = withNvram(store, nvram);
            Files.writeString(nvram, "now");
            Intent half = half(store, target);
            Intent intent = new Intent(
                    half.operation(),
                    "a",
                    WEB,
                    target.id(),
                    Optional.empty(),
                    half.swaps(),
                    Optional.of(nvram.toString()),
                    Optional.empty(),
                    false);
            store.write(intent);
            b.engine().keepHouse();
            assertThat(nvram).as("belongs to the host that has the VM").hasContent("now");

            b.define(WEB, vda, vdb);
            b.engine().keepHouse();
            assertThat(store.intent(WEB)).isEmpty();
            assertThat(nvram).hasContent("then");
        }
        a = host("a");
    }

    private Snapshot withNvram(Store store, Path nvram) {
        SnapshotId id = SnapshotId.of(Instant.now(), 1);
        OperationId operation = OperationId.random();
        try (Capture capture = store.capture(operation, WEB, id, List.of(new DiskSource(VDA, vda)))) {
            capture.saveCopy(Snapshot.FIRMWARE_FILE, nvram);
            capture.cloneDisks();
            List<DiskImage> images = capture.sync();
            Snapshot snapshot = new Snapshot(
                    id,
                    WEB,
                    new VmName("web"),
                    new SnapshotName("s1"),
                    Instant.now(),
                    Labels.NONE,
                    Optional.empty(),
                    Optional.empty(),
                    new Quiescence(Consistency.CRASH, Consistency.CRASH, VmState.OFF, 0, 0, false, ""),
                    store.id(),
                    images,
                    Optional.of(nvram.toString()),
                    operation);
            capture.publish(snapshot);
            return snapshot;
        }
    }

    @Test
    void takesAndDeletesOfADeadHostAreClearedByTheOther() throws IOException {
        Snapshot deleted = a.take(WEB, "s1");
        within(TOLD, "the other host to list it", () -> b.names(WEB).equals(List.of("s1")));
        a.close();
        Path staging = base().resolve("staging");
        try (Store store = storeOf("a")) {
            SnapshotId id = SnapshotId.of(Instant.now(), 1);
            try (Capture capture = store.capture(OperationId.random(), WEB, id, List.of(new DiskSource(VDA, vda)))) {
                capture.cloneDisks();
                b.engine().keepHouse();
                assertThat(staging).as("while its host is at it").isNotEmptyDirectory();
            }
            store.unpublish(WEB, deleted.id());
        }
        Files.createDirectories(staging.resolve("a-boot-dead/snapshot"));
        b.engine().keepHouse();
        assertThat(staging).isEmptyDirectory();
        assertThat(base().resolve("vms/web/.deleted")).isEmptyDirectory();
        assertThat(b.names(WEB)).isEmpty();
        a = host("a");
    }
}
