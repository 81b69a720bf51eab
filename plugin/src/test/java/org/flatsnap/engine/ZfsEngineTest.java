package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.flatsnap.fuseview.MountOptions;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.ZfsPrograms;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.flatsnap.query.Moments;
import org.flatsnap.store.Content;
import org.flatsnap.store.DiskStamp;
import org.flatsnap.store.Intent;
import org.flatsnap.store.ReadForever;
import org.flatsnap.store.Staged;
import org.flatsnap.store.Store;
import org.flatsnap.store.ZfsStorage;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.RunningGuest;
import org.flatsnap.testing.StoreHost;
import org.flatsnap.view.SnapshotTree;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/** What is the engine's and OpenZFS's own: volumes of VMs, and the snapshots of others. Run by packaging/engines/junit. */
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(ZfsStorage.VAULT)
class ZfsEngineTest {
    private static final VmId VM = new VmId("7f3e4b52-6a01-4c3d-9d3b-0c6f3c1d2e4f");
    private static final DiskName VDA = new DiskName("vda");
    private static final DiskName VDB = new DiskName("vdb");
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final ZfsPrograms programs = new ZfsPrograms(LIMIT);
    private ZfsStorage storage;
    private StoreHost host;
    private Path vda;
    private Path vdb;

    @BeforeEach
    void open() throws IOException {
        storage = ZfsStorage.volumes(16 << 20);
        vda = storage.newDisk("web01-vda");
        vdb = storage.newDisk("web01-vdb");
        host = new StoreHost(storage.place(), "node1");
        host.define(VM, vda, vdb);
        write("0");
    }

    @AfterEach
    void close() {
        host.close();
        storage.close();
    }

    private void write(String version) throws IOException {
        Bench.write(vda, "a" + version);
        Bench.write(vdb, "b" + version);
    }

    private void assertLive(String version) throws IOException {
        assertThat(List.of(Bench.read(vda), Bench.read(vdb))).containsExactly("a" + version, "b" + version);
    }

    private void assertHolds(String name, String version) throws IOException {
        Snapshot snapshot = host.engine().show(VM.value(), name);
        assertThat(List.of(read(snapshot, VDA), read(snapshot, VDB))).containsExactly("a" + version, "b" + version);
    }

    private String read(Snapshot snapshot, DiskName disk) throws IOException {
        return Bench.read(host.engine().image(snapshot, disk));
    }

    private DatasetName disk(String name) {
        return storage.root().child(name);
    }

    private String property(DatasetName dataset, String name) throws IOException {
        Map<String, Property> found = programs.properties(dataset, name);
        return found.get(name).value() + ", " + found.get(name).source();
    }

    @Test
    void aRollbackToAnySnapshotKeepsWhatIsNewerAndWhatOthersTook() throws IOException {
        host.take(VM, "s1");
        write("1");
        Commands.run("zfs", "snapshot", "-r", storage.root() + "@sanoid");
        write("2");
        host.take(VM, "s2");
        write("3");

        host.rollBack(VM, "s1");
        assertLive("0");
        assertHolds("s2", "2");
        host.engine().rebuildCatalog(OperationId.random());
        assertHolds("sanoid", "1");

        host.rollBack(VM, "s2");
        assertLive("2");
        host.engine().undo(OperationId.random(), VM.value(), false);
        assertLive("0");
        assertHolds("s1", "0");
        assertHolds("sanoid", "1");
        assertThat(storage.aside()).isNotEmpty();
        // Nobody finds the partitions of a disk that stands aside.
        assertThat(Path.of("/dev/zvol").resolve(storage.root() + "/.flatsnap/aside"))
                .doesNotExist();

        host.engine().adopt(OperationId.random(), VM.value(), "sanoid");
        for (Snapshot snapshot : host.snapshots(VM)) {
            host.delete(VM, snapshot.id().value());
        }
        RunningGuest.await(LIMIT, "what stood aside to go", () -> {
            host.engine().keepHouse();
            return storage.aside().isEmpty();
        });
        assertLive("0");
        assertThat(ZfsStorage.list("snapshot", disk("web01-vda"))).isEmpty();
        storage.assertNothingStaged();
    }

    @Test
    void aStagedCloneThatSomebodyDestroyedIsMadeAnew() throws IOException {
        Snapshot target = host.take(VM, "s1");
        write("1");
        OperationId operation = OperationId.random();
        decide(storage, operation, VM, target, host.take(VM, "guard"), Map.of(VDA, vda, VDB, vdb));
        Commands.run("zfs", "destroy", storage.root() + "/.flatsnap/staged/" + operation + ".vdb");

        host.engine().keepHouse();
        assertLive("0");
        storage.assertNothingStaged();
        assertHolds("guard", "1");
    }

    @Test
    void aNameThatIsUsedAgainAfterARollbackIsAnotherSnapshot() throws IOException {
        host.take(VM, "s1");
        write("1");
        Commands.run("zfs", "snapshot", disk("web01-vda") + "@daily");
        host.rollBack(VM, "s1");
        write("2");
        // By a tool that knows no bounds.
        Commands.run("zfs", "snapshot", "-r", storage.root() + "@daily2");
        Commands.run("zfs", "snapshot", disk("web01-vda") + "@daily");
        host.engine().rebuildCatalog(OperationId.random());

        List<Snapshot> foreign =
                host.snapshots(VM).stream().filter(Snapshot::untouchable).toList();
        assertThat(foreign).hasSize(3).allSatisfy(snapshot -> assertThat(
                        snapshot.disks().stream().map(image -> image.disk()).distinct())
                .hasSameSizeAs(snapshot.disks()));
        List<String> contents = new ArrayList<>();
        for (Snapshot snapshot : foreign) {
            contents.add(read(snapshot, VDA));
        }
        assertThat(contents).containsExactlyInAnyOrder("a1", "a2", "a2");
        host.delete(VM, "s1");
        for (Snapshot guard : host.snapshots(VM)) {
            if (guard.guard().isPresent()) {
                host.delete(VM, guard.id().value());
            }
        }
        // It holds what another tool took before; what the recursive one took of it does not count.
        assertThat(storage.aside()).hasSize(1);
        assertHoldsForeign("daily", "1");
    }

    private void assertHoldsForeign(String name, String version) throws IOException {
        assertThat(read(host.engine().show(VM.value(), name), VDA)).isEqualTo("a" + version);
    }

    private static void decide(
            ZfsStorage where,
            OperationId operation,
            VmId vm,
            Snapshot target,
            Snapshot guard,
            Map<DiskName, Path> live) {
        try (Store store = where.place().open(Optional.empty())) {
            Map<DiskName, DiskStamp> stamps = new HashMap<>();
            live.forEach((name, path) -> stamps.put(name, store.stamp(path).orElseThrow()));
            try (Staged staged = store.stage(operation, target, target.disks(), stamps)) {
                store.write(new Intent(
                        operation,
                        "node1",
                        vm,
                        target.id(),
                        Optional.of(guard.id()),
                        staged.swaps(),
                        Optional.empty(),
                        Optional.empty(),
                        false));
                staged.keep();
            }
        }
    }

    @Test
    void thePoolAloneTellsEverything() throws IOException {
        host.take(VM, "s1");
        write("1");
        host.engine()
                .relabel(
                        OperationId.random(),
                        VM.value(),
                        "s1",
                        labels -> new Labels(new Description("x".repeat(4000)), labels.tags(), true));
        host.rollBack(VM, "s1");
        write("2");
        host.take(VM, "s2");
        List<Snapshot> snapshots = host.snapshots(VM);
        assertThat(snapshots).hasSize(3);

        host.close();
        storage.detach();
        storage.attach();
        host = new StoreHost(storage.place(), "node1");

        assertThat(host.snapshots(VM)).isEqualTo(snapshots);
        assertHolds("s1", "0");
        assertHolds("s2", "2");
        hold(false);
    }

    @Test
    void whatAnAdministratorSetStaysSet() throws IOException {
        String vdaName = disk("web01-vda").name();
        Commands.run("zfs", "set", "compression=zstd", "refreservation=20M", "com.example:owner=Anna & Bob", vdaName);
        host.take(VM, "s1");
        host.rollBack(VM, "s1");

        DatasetName now = disk("web01-vda");
        assertThat(property(now, "origin")).contains("@flatsnap-");
        assertThat(property(now, "compression")).isEqualTo("zstd, LOCAL");
        assertThat(property(now, "refreservation")).isEqualTo((20 << 20) + ", LOCAL");
        assertThat(property(now, "com.example:owner")).isEqualTo("Anna & Bob, LOCAL");
        assertThat(programs.properties(now).keySet().stream().filter(name -> name.startsWith("org.flatsnap:")))
                .isEmpty();
        for (String aside : storage.aside()) {
            assertThat(property(new DatasetName(aside), "refreservation")).startsWith("0, ");
        }
    }

    @Test
    void allDisksOfARunningVmAreOfOneMomentWithoutAPause() throws IOException {
        host.define(VM, VmState.RUNNING, vda, vdb);
        Snapshot snapshot = host.take(VM, "s1");

        assertThat(snapshot.quiescence().torn()).isFalse();
        assertThat(snapshot.quiescence().pauseMillis()).isZero();
        assertThat(Commands.run(
                                "zfs",
                                "get",
                                "-r",
                                "-H",
                                "-p",
                                "-t",
                                "snapshot",
                                "-o",
                                "value",
                                "createtxg",
                                storage.root().name())
                        .lines()
                        .distinct())
                .hasSize(1);
        assertHolds("s1", "0");
    }

    @Test
    void whatOthersTookIsShownAndLeftAloneUntilItIsAdopted() throws IOException {
        Commands.run("zfs", "snapshot", disk("web01-vda") + "@autosnap_2026-11-22_00:00:01_daily");
        Commands.run("zfs", "snapshot", disk("web01-vdb") + "@autosnap_2026-11-22_00:00:01_daily");
        Commands.run("zfs", "snapshot", disk("web01-vda") + "@latest");
        write("1");
        host.engine().rebuildCatalog(OperationId.random());
        String name = "autosnap_2026-11-22_00:00:01_daily";

        Snapshot foreign = host.engine().show(VM.value(), name);
        assertThat(foreign.foreign()).contains(new Snapshot.Foreign(name, false));
        assertThat(foreign.quiescence().torn()).isTrue();
        assertHolds(name, "0");
        assertThat(host.names(VM)).hasSize(2).anyMatch(other -> other.startsWith("foreign-"));

        assertRefused(Code.REFUSED, "flatsnap adopt", () -> host.delete(VM, name));
        assertRefused(Code.REFUSED, "flatsnap adopt", () -> host.rollBack(VM, name));
        assertRefused(Code.REFUSED, "flatsnap adopt", () -> host.engine()
                .relabel(OperationId.random(), VM.value(), name, labels -> labels));
        assertThat(ZfsStorage.list("snapshot", storage.root())).contains(disk("web01-vdb") + "@" + name);

        OperationId adoption = OperationId.random();
        host.engine().adopt(adoption, VM.value(), name);
        assertRefused(Code.EXISTS, "no need", () -> host.engine().adopt(OperationId.random(), VM.value(), name));
        host.engine().rebuildCatalog(OperationId.random());
        assertThat(host.engine().show(VM.value(), name)).isEqualTo(foreign.adopted(adoption));
        assertThat(ZfsStorage.list("snapshot", storage.root())).noneMatch(other -> other.endsWith(name));
        host.rollBack(VM, name);
        assertLive("0");
        host.delete(VM, name);
        assertThat(host.names(VM)).hasSize(1);
    }

    static void assertRefused(Code code, String remedy, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).as(problem.getMessage()).isEqualTo(code);
            assertThat(problem.remedy()).contains(remedy);
        });
    }

    @Test
    void aReaderOrACloneDelaysADeleteAndDoesNotFailIt() throws Exception {
        Snapshot read = host.take(VM, "read");
        Snapshot cloned = host.take(VM, "cloned");
        CloneResult clone = host.engine().clone(OperationId.random(), VM.value(), "cloned", new VmName("web02"));
        try (Content.Reader reader = host.engine().image(read, VDA).open()) {
            host.delete(VM, "read");
            host.delete(VM, "cloned");
            assertThat(host.names(VM)).isEmpty();
            ByteBuffer bytes = ByteBuffer.allocate(2);
            reader.channel().read(bytes, 0);
            assertThat(new String(bytes.array(), StandardCharsets.UTF_8)).isEqualTo("a0");
        }
        host.engine().rebuildCatalog(OperationId.random());
        assertThat(host.names(VM)).isEmpty();
        RunningGuest.await(LIMIT, "the snapshot that was read to go", () -> {
            host.engine().keepHouse();
            return !storage.holds(read);
        });
        Path disk = Path.of(clone.disks().get(0));
        assertThat(Bench.read(disk)).isEqualTo("a0");
        assertThat(storage.holds(cloned)).isTrue();
        for (String volume : List.of("web02-vda", "web02-vdb")) {
            RunningGuest.await(
                    LIMIT,
                    volume + " to go",
                    () -> Commands.exitCode("zfs", "destroy", disk(volume).name()) == 0);
        }
        RunningGuest.await(LIMIT, "the snapshot that was cloned to go", () -> {
            host.engine().keepHouse();
            return !storage.holds(cloned);
        });
        assertLive("0");
    }

    @Test
    void theViewLeavesNoDevicesAndNoClones(@TempDir Path mountPoint) throws IOException {
        host.take(VM, "s1");
        write("1");
        try (MountedTree mounted = new SnapshotTree(host.catalog(), host.engine(), Moments.in(ZoneOffset.UTC))
                .mount(mountPoint, MountOptions.named("flatsnap-test"))) {
            assertThat(mounted.isMounted()).isTrue();
            Path snapshot = mountPoint.resolve(VM.value()).resolve("latest");
            assertThat(Files.size(snapshot.resolve("disks/vda.raw"))).isEqualTo(16 << 20);
            assertThat(Files.readString(snapshot.resolve("snapshot.json"))).contains("\"s1\"");
            assertThat(snapshot.resolve("domain.xml")).isNotEmptyFile();
            Path copy = mountPoint.resolveSibling(mountPoint.getFileName() + ".copy");
            Commands.run("cp", snapshot.resolve("disks/vdb.raw").toString(), copy.toString());
            assertThat(Files.size(copy)).isEqualTo(16 << 20);
            assertThat(Bench.read(copy)).isEqualTo("b0");
            Files.delete(copy);
        }
        storage.assertNothingStaged();
        assertThat(Path.of("/dev/zvol").resolve(storage.root() + "/.flatsnap/readers"))
                .doesNotExist();
    }

    @Test
    void whatStandsAsideIsReadAlsoWhereAFullPoolRefusesAClone() throws Exception {
        Commands.run("zfs", "set", "snapdev=hidden", disk("web01-vdb").name());
        host.take(VM, "s1");
        write("1");
        host.rollBack(VM, "s1");
        try (AutoCloseable filler = storage.fill()) {
            assertHolds("s1", "0");
            Snapshot s1 = host.engine().show(VM.value(), "s1");
            String guard = host.snapshots(VM).stream()
                    .filter(snapshot -> snapshot.guard().isPresent())
                    .findFirst()
                    .orElseThrow()
                    .id()
                    .value();
            // Two images of one volume at a time: the first that is closed does not take the other's device.
            Content.Reader older = host.engine().image(s1, VDA).open();
            try (Content.Reader newer = host.engine()
                    .image(host.engine().show(VM.value(), guard), VDA)
                    .open()) {
                assertThat(ZfsStorage.list("volume", storage.root().child(".flatsnap/readers")))
                        .isEmpty();
                older.close();
                ByteBuffer bytes = ByteBuffer.allocate(2);
                newer.channel().read(bytes, 0);
                assertThat(new String(bytes.array(), StandardCharsets.UTF_8)).isEqualTo("a1");
            }
            assertHolds(guard, "1");
        }
        RunningGuest.await(LIMIT, "what stands aside to be out of sight", () -> {
            host.engine().keepHouse();
            return !Files.exists(Path.of("/dev/zvol").resolve(storage.root() + "/.flatsnap"));
        });
        storage.assertNothingStaged();
        for (String aside : storage.aside()) {
            assertThat(property(new DatasetName(aside), "snapdev"))
                    .isEqualTo(aside.endsWith(".vdb") ? "hidden, LOCAL" : "hidden, INHERITED");
        }
    }

    @Test
    void aReaderThatIsKilledLeavesNothingAfterTheNextStart() throws Exception {
        Snapshot snapshot = host.take(VM, "s1");
        Process child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin/java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        ReadForever.class.getName(),
                        storage.root().name(),
                        VM.value(),
                        snapshot.id().value())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader told = child.inputReader()) {
            assertThat(told.readLine()).isEqualTo("reading a0");
            List<String> readers = ZfsStorage.list("volume", storage.root().child(".flatsnap/readers"));
            assertThat(readers).hasSize(1);
            // A living process is not disturbed.
            host.engine().rebuildCatalog(OperationId.random());
            host.engine().keepHouse();
            assertThat(ZfsStorage.list("volume", storage.root().child(".flatsnap/readers")))
                    .isEqualTo(readers);
        } finally {
            child.destroyForcibly();
            assertThat(child.waitFor(1, TimeUnit.MINUTES)).isTrue();
        }
        host.close();
        host = new StoreHost(storage.place(), "node1");
        assertThat(ZfsStorage.list("volume", storage.root().child(".flatsnap/readers")))
                .isEmpty();
    }

    @Test
    void whatIsHeldNobodyDestroysPastFlatsnap() throws IOException {
        Snapshot snapshot = host.take(VM, "s1");
        hold(true);
        String image = disk("web01-vdb") + "@flatsnap-" + snapshot.id();
        assertThat(Commands.exitCode("zfs", "destroy", image)).isNotZero();
        assertRefused(Code.REFUSED, "flatsnap release", () -> host.delete(VM, "s1"));
        hold(false);
        host.delete(VM, "s1");
        assertThat(storage.holds(snapshot)).isFalse();
    }

    private void hold(boolean held) {
        host.engine()
                .relabel(
                        OperationId.random(),
                        VM.value(),
                        "s1",
                        labels -> new Labels(labels.description(), labels.tags(), held));
    }

    @Test
    void aVolumeThatTheHostItselfUsesIsNotRolledBack() throws IOException {
        host.take(VM, "s1");
        Commands.run("mkfs.ext4", "-q", vda.toString());
        Path mountPoint = Files.createTempDirectory("flatsnap-mount-");
        Commands.run("mount", vda.toString(), mountPoint.toString());
        try {
            assertRefused(Code.REFUSED, "lsblk", () -> host.rollBack(VM, "s1"));
        } finally {
            Commands.run("umount", mountPoint.toString());
            Files.delete(mountPoint);
        }
        host.rollBack(VM, "s1");
        assertLive("0");
    }

    @Test
    void whatStandsAsideIsCountedWithTheLastSnapshotThatKeepsIt() throws IOException {
        host.take(VM, "s1");
        Commands.run("dd", "if=/dev/urandom", "of=" + vda, "bs=1M", "count=8", "conv=notrunc,fsync", "status=none");
        RollbackResult rolledBack = host.rollBack(VM, "s1");
        String guard = rolledBack.guard().orElseThrow().value();

        SpaceReport report = host.engine().space(VM.value(), List.of(guard));
        assertThat(report.freed()).isGreaterThan(8 << 20);
        assertThat(report.snapshots().get(0).exclusive()).isEqualTo(report.freed());
        storage.sync();
        long before = available();
        host.delete(VM, guard);
        RunningGuest.await(LIMIT, report.freed() + " bytes to be freed", () -> {
            host.engine().keepHouse();
            storage.sync();
            return Math.abs(available() - before - report.freed()) < 512 << 10;
        });
        assertThat(storage.aside()).isEmpty();
    }

    private long available() {
        String root = storage.root().name();
        return Long.parseLong(Commands.run("zfs", "get", "-H", "-p", "-o", "value", "available", root)
                .strip());
    }

    @Test
    void aFileThatSharesItsDatasetIsRefusedWithTheRemedy() throws IOException {
        Path directory = Path.of("/" + storage.root());
        Path together = Bench.disk(directory, "one.raw", "1");
        VmId other = new VmId(UUID.randomUUID().toString());
        host.define(other, together);
        assertRefused(Code.UNSUPPORTED, "zfs create", () -> host.take(other, "s1"));
        assertThat(Optional.of(Bench.read(together))).contains("1");
    }
}
