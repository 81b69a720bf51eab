package org.flatsnap.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.flatsnap.manager.SnapshotKeeper.Kept;
import org.flatsnap.manager.SnapshotKeeper.Tree;
import org.flatsnap.model.Description;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProxmoxManagerTest {
    private static final VmId WEB = new VmId("100-1690000000");
    private static final String GUEST = """
            {"vmid":100,"type":"qemu","name":"web01","ctime":1690000000,"running":true,"agent":true,"template":false,
             "lock":"backup","parent":"s2","config":"boot: order=scsi0\\n",
             "disks":[{"key":"scsi0","volid":"flat:100/vm-100-disk-0.raw","path":"/mnt/vms/images/100/vm-100-disk-0.raw"},
                      {"key":"scsi1","volid":"tank:vm-100-disk-1","path":"/dev/zvol/tank/vms/vm-100-disk-1"},
                      {"key":"scsi2","volid":"other:vm-100-disk-1","path":"/dev/pve/vm-100-disk-1"},
                      {"key":"scsi3","volid":"local:100/vm-100-disk-3.qcow2","path":"/srv/images/100/vm-100-disk-3.qcow2"},
                      {"key":"scsi4","volid":"rbd:vm-100-disk-4","path":"rbd:pool/vm-100-disk-4"},
                      {"key":"ide2","volid":"local:iso/debian.iso","path":"/srv/template/iso/debian.iso","removable":true}],
             "snapshots":[{"name":"s1","takenAt":1690000001,"description":"first\\nline","memory":false},
                          {"name":"s2","parent":"s1","takenAt":1690000002,"state":"prepare","memory":false}]}""";

    @TempDir
    Path directory;

    private Path program(String name, String text) throws IOException {
        Path file = directory.resolve(name);
        Files.writeString(file, text);
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private ProxmoxManager running(String guests) throws IOException {
        return running(guests, "exit 0");
    }

    private ProxmoxManager running(String guests, String pvesh) throws IOException {
        return new ProxmoxManager(
                program("pve-guests", "#!/bin/sh\n" + guests).toString(),
                program("pvesh", "#!/bin/sh\n" + pvesh).toString(),
                new ProxmoxManager.Limits(Duration.ofSeconds(3), Duration.ofSeconds(3)));
    }

    private ProxmoxManager telling(String json) throws IOException {
        return telling(json, "exit 0");
    }

    private ProxmoxManager telling(String json, String pvesh) throws IOException {
        Files.writeString(directory.resolve("out"), json);
        return running("cat " + directory.resolve("out"), pvesh);
    }

    private static String node(String... guests) {
        return "{\"node\":\"pve1\",\"guests\":[" + String.join(",", guests) + "]}";
    }

    private static Consumer<Throwable> problem(Code code, String... words) {
        return thrown -> {
            assertThat(thrown).isInstanceOf(Problem.class);
            List.of(words).forEach(word -> assertThat(thrown).hasMessageContaining(word));
            assertThat(((Problem) thrown).code()).isEqualTo(code);
        };
    }

    @Test
    void aGuestIsToldWithAllThatIsKnownOfIt() throws IOException {
        ProxmoxManager manager = telling(node(GUEST));

        Vm vm = manager.find(WEB).orElseThrow();
        assertThat(vm.name()).isEqualTo(new VmName("web01"));
        assertThat(vm.state()).isEqualTo(VmState.RUNNING);
        assertThat(vm.agent()).isEqualTo(Vm.Agent.CONNECTED);
        assertThat(vm.definition()).isEqualTo("boot: order=scsi0\n");
        assertThat(vm.disks())
                .containsExactly(
                        disk("vm-100-disk-0", Disk.Kind.FILE, "/mnt/vms/images/100/vm-100-disk-0.raw", "raw"),
                        disk("vm-100-disk-1", Disk.Kind.BLOCK, "/dev/zvol/tank/vms/vm-100-disk-1", "raw"),
                        disk("scsi2", Disk.Kind.BLOCK, "/dev/pve/vm-100-disk-1", "raw"),
                        disk("vm-100-disk-3.qcow2", Disk.Kind.FILE, "/srv/images/100/vm-100-disk-3.qcow2", "qcow2"),
                        disk("vm-100-disk-4", Disk.Kind.OTHER, "rbd:vm-100-disk-4", "raw"),
                        new Disk(
                                new DiskName("debian.iso"),
                                Disk.Kind.FILE,
                                "/srv/template/iso/debian.iso",
                                "raw",
                                true,
                                false));
        assertThat(manager.trees())
                .containsExactly(new Tree(
                        WEB,
                        true,
                        Optional.of(new SnapshotName("s2")),
                        Map.of(
                                new SnapshotName("s1"),
                                new Kept(
                                        new SnapshotName("s1"),
                                        Optional.empty(),
                                        Instant.ofEpochSecond(1690000001),
                                        Optional.of(new Description("first\nline")),
                                        false),
                                new SnapshotName("s2"),
                                new Kept(
                                        new SnapshotName("s2"),
                                        Optional.of(new SnapshotName("s1")),
                                        Instant.ofEpochSecond(1690000002),
                                        Optional.of(Description.NONE),
                                        true))));
        assertThat(manager.describe()).isEqualTo("Proxmox VE at node pve1, 1 guests");
    }

    private static Disk disk(String name, Disk.Kind kind, String source, String format) {
        return new Disk(new DiskName(name), kind, source, format, false, false);
    }

    @Test
    void aContainerIsAGuestToo() throws IOException {
        String container = "{\"vmid\":101,\"type\":\"lxc\",\"running\":true}";

        Vm vm = telling(node(container)).vms().get(0);

        assertThat(vm.id()).isEqualTo(new VmId("101"));
        assertThat(vm.name()).isEqualTo(new VmName("101"));
        assertThat(vm.agent()).isEqualTo(Vm.Agent.CONNECTED);
        assertThat(vm.disks()).isEmpty();
    }

    @Test
    void oneThatMakesNoSenseDoesNotHideTheOthers() throws IOException {
        ProxmoxManager manager = telling(node(
                "null",
                "5",
                "{}",
                "{\"vmid\":\"x\",\"type\":\"qemu\"}",
                "{\"vmid\":7,\"type\":\"qemu\"}",
                "{\"vmid\":102,\"type\":\"\\u001b[2Jdocker\"}",
                "{\"vmid\":103,\"type\":\"qemu\",\"disks\":\"none\"}",
                "{\"vmid\":104,\"type\":\"qemu\",\"disks\":[{\"key\":\"../x\",\"volid\":\"a:\\u0000\",\"path\":\"/\"}]}",
                "{\"vmid\":105,\"type\":\"qemu\",\"snapshots\":[{\"name\":\"s\",\"takenAt\":9223372036854775807}]}",
                "{\"vmid\":1e99,\"type\":\"qemu\"}",
                GUEST));

        assertThat(manager.vms()).extracting(Vm::id).containsExactly(WEB);
        assertThat(manager.describe())
                .contains("1 guests", "102", "103", "104", "a guest without VMID")
                .doesNotContain("\u001b");
    }

    @Test
    void namesThatCannotBeShownDoNotHideTheirGuest() throws IOException {
        ProxmoxManager manager = telling(
                node(
                        "{\"vmid\":100,\"type\":\"qemu\",\"name\":\"\\u001b[31mred\\u202e\",\"disks\":["
                                + "{\"key\":\"scsi0\",\"volid\":\"flat:100/..\",\"path\":\"/mnt/x\\u0000y\"},null],\"snapshots\":["
                                + "{\"name\":\"../../etc\"},{\"name\":\"ok\",\"parent\":\"a/b\",\"description\":\"\\u0007\"},null]}"));

        Vm vm = manager.vms().get(0);
        assertThat(vm.name()).isEqualTo(new VmName("100"));
        assertThat(vm.disks()).containsExactly(disk("scsi0", Disk.Kind.OTHER, "flat:100/..", "raw"));
        Kept kept = manager.trees().get(0).snapshots().get(new SnapshotName("ok"));
        assertThat(manager.trees().get(0).snapshots()).hasSize(1);
        assertThat(kept.parent()).isEmpty();
        assertThat(kept.description()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "not JSON",
                "[]",
                "null",
                "{\"node\":\"pve1\"}",
                "{\"node\":\"pve1\",\"guests\":{}}",
                "{\"node\":\"../../x\",\"guests\":[]}",
                "{\"node\":[\"a\",\"b\"],\"guests\":[]}",
                "{\"guests\":[]}",
                "{\"node\":\"pve1\",\"guests\":[{\"vmid\":100,\"type\":\"qe",
                "\u0000\u0001\u0002"
            })
    void whatIsNoListOfGuestsIsRefused(String output) throws IOException {
        ProxmoxManager manager = telling(output);

        assertThatThrownBy(manager::vms).satisfies(problem(Code.UNAVAILABLE, "cannot be read", "flatsnap-proxmox"));
    }

    @Test
    void aDeepNestIsRefusedToo() throws IOException {
        ProxmoxManager manager = telling("{\"node\":\"pve1\",\"guests\":" + "[".repeat(100_000));

        assertThatThrownBy(manager::vms).isInstanceOf(Problem.class);
    }

    @Test
    void aProgramThatFailsIsToldWithWhatItSaid() throws IOException {
        ProxmoxManager manager = running("printf 'ipcc_send_rec: \\033[1mrefused\\n' >&2; exit 1");

        assertThatThrownBy(manager::vms)
                .satisfies(problem(Code.UNAVAILABLE, "ipcc_send_rec: ?[1mrefused", "pve-cluster"));
    }

    @Test
    void aMissingProgramIsToldWithWhatToInstall() {
        ProxmoxManager manager = new ProxmoxManager(directory.resolve("none"), directory.resolve("none"));

        assertThatThrownBy(manager::vms).satisfies(problem(Code.UNAVAILABLE, "install flatsnap-proxmox", "libvirt"));
    }

    @Test
    void endlessOutputAndHangingProgramsComeToAnEnd() throws IOException {
        long begun = System.nanoTime();
        ProxmoxManager endless = running("exec yes '{\"node\":'");
        assertThatThrownBy(endless::vms).satisfies(problem(Code.UNAVAILABLE));

        ProxmoxManager hanging = running("sleep 60 & wait");
        assertThatThrownBy(hanging::vms).satisfies(problem(Code.UNAVAILABLE, "within 3 s"));
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(50));
    }

    @Test
    void thoseWhoAskWhileItHangsShareTheFailure() throws Exception {
        ProxmoxManager hanging = running("echo >> " + directory.resolve("runs") + "; sleep 60");
        ExecutorService callers = Executors.newFixedThreadPool(8);
        for (int i = 0; i < 8; i++) {
            callers.execute(() -> assertThatThrownBy(hanging::vms).isInstanceOf(Problem.class));
        }
        callers.shutdown();

        assertThat(callers.awaitTermination(20, TimeUnit.SECONDS)).isTrue();
        assertThat(Files.readAllLines(directory.resolve("runs"))).hasSizeBetween(1, 3);
    }

    @Test
    void aBurstOfListsAsksOnceAndALookAtOneVmAsksAfresh() throws IOException {
        Files.writeString(directory.resolve("out"), node(GUEST));
        ProxmoxManager manager = running("echo >> " + directory.resolve("runs") + "; cat " + directory.resolve("out"));

        for (int i = 0; i < 10; i++) {
            assertThat(manager.vms()).hasSize(1);
        }
        assertThat(Files.readAllLines(directory.resolve("runs"))).hasSize(1);
        Files.writeString(directory.resolve("out"), node());
        assertThat(manager.find(WEB)).isEmpty();
        assertThat(manager.vms()).isEmpty();
        assertThat(Files.readAllLines(directory.resolve("runs"))).hasSize(2);
    }

    @Test
    void namesThatProxmoxDoesNotTakeAreRefusedWithItsRule() throws IOException {
        ProxmoxManager manager = telling(node(GUEST));

        for (String name : List.of("s", "1st", "größer", "a b", "a.b", "x".repeat(41), "2026-11-22_10-00")) {
            assertThatThrownBy(() -> manager.refuseName(new SnapshotName(name)))
                    .satisfies(problem(Code.INVALID, "2 to 40 letters"));
        }
        for (String name : List.of("current", "Pending", "vzdump")) {
            assertThatThrownBy(() -> manager.refuseName(new SnapshotName(name)))
                    .satisfies(problem(Code.INVALID, "uses that word"));
        }
        manager.refuseName(new SnapshotName("before-upgrade_2"));
        manager.refuseName(new SnapshotName("x".repeat(40)));
    }

    @Test
    void aLockedGuestIsLeftAlone() throws IOException {
        ProxmoxManager manager = telling(node(GUEST), "echo >> " + directory.resolve("called"));
        Vm vm = manager.find(WEB).orElseThrow();

        assertThatThrownBy(() -> manager.take(vm, new SnapshotName("s3"), Description.NONE))
                .satisfies(problem(Code.BUSY, "'backup'", "qm unlock 100"));
        assertThatThrownBy(() -> manager.delete(vm, new SnapshotName("s1"))).satisfies(problem(Code.BUSY));
        assertThatThrownBy(() -> manager.rollBack(vm, new SnapshotName("s1"))).satisfies(problem(Code.BUSY));
        assertThat(directory.resolve("called")).doesNotExist();
    }

    @Test
    void aTaskThatFailedIsNotTakenForDoneThoughPveshEndsWithZero() throws IOException {
        String free = GUEST.replace("\"lock\":\"backup\",", "");
        ProxmoxManager manager = telling(
                node(free),
                "echo \"$LC_ALL $*\" >> " + directory.resolve("called")
                        + "; echo 'a plugin is old' >&2; echo 'no room on flat' >&2");
        Vm vm = manager.find(WEB).orElseThrow();

        assertThatThrownBy(() -> manager.take(vm, new SnapshotName("s3"), new Description("größer")))
                .satisfies(problem(Code.REFUSED, "a plugin is old; no room on flat"));
        assertThatThrownBy(() -> manager.take(vm, new SnapshotName("s1"), Description.NONE))
                .satisfies(problem(Code.EXISTS));
        assertThatThrownBy(() -> manager.delete(vm, new SnapshotName("s1")))
                .satisfies(problem(Code.REFUSED, "no room on flat"));
        manager.delete(vm, new SnapshotName("absent"));
        assertThat(Files.readString(directory.resolve("called"))).isEqualTo("""
                        C.UTF-8 create /nodes/pve1/qemu/100/snapshot --snapname s3 --description größer --vmstate 0
                        C.UTF-8 delete /nodes/pve1/qemu/100/snapshot/s1
                        """);
    }

    @Test
    void aTaskThatHangsIsGivenUp() throws IOException {
        String free = GUEST.replace("\"lock\":\"backup\",", "");
        ProxmoxManager manager = telling(node(free), "sleep 60");
        Vm vm = manager.find(WEB).orElseThrow();

        assertThatThrownBy(() -> manager.take(vm, new SnapshotName("s3"), Description.NONE))
                .satisfies(problem(Code.UNAVAILABLE, "within 3 s"));
    }

    @Test
    void aGuestsConfigurationIsNotFlatsnapsToWrite() throws IOException {
        ProxmoxManager manager = telling(node(GUEST));

        assertThatThrownBy(() -> manager.prepareClone("", WEB, new VmName("x"), Map.of(), Optional.empty()))
                .satisfies(problem(Code.UNSUPPORTED, "qm clone"));
        assertThatThrownBy(() -> manager.define("")).satisfies(problem(Code.UNSUPPORTED));
    }
}
