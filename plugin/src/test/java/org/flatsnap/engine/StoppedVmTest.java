package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.testing.Bench.rawDisk;
import static org.flatsnap.testing.Bench.read;
import static org.flatsnap.testing.Bench.write;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.LoopFileSystem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Real libvirt, a real XFS, VMs that are off. */
class StoppedVmTest {
    private Bench bench;
    private Path vda;
    private Path vdb;
    private Domain vm;

    /** A VM with the disks vda ("a0") and vdb ("b0") and a CD-ROM drive. */
    @BeforeEach
    void defineVm() throws IOException {
        bench = Bench.onXfs();
        vda = bench.disk("vm-a.raw", "a0");
        vdb = bench.disk("vm-b.raw", "b0");
        vm = bench.define(
                "off",
                rawDisk("vda", vda) + rawDisk("vdb", vdb)
                        + "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>");
    }

    @AfterEach
    void close() throws IOException {
        bench.assertNothingStaged();
        bench.close();
    }

    private void writeBoth(String a, String b) throws IOException {
        write(vda, a);
        write(vdb, b);
    }

    private void assertBoth(String a, String b) throws IOException {
        assertThat(List.of(read(vda), read(vdb))).containsExactly(a, b);
    }

    @Test
    void aSnapshotHoldsAllDisksAndLeavesTheCdromOut() throws IOException {
        Snapshot snapshot = bench.take(vm, "s1");
        writeBoth("a1", "b1");

        assertThat(snapshot.disks()).extracting(image -> image.disk().value()).containsExactly("vda", "vdb");
        assertThat(bench.content(snapshot, "vda")).isEqualTo("a0");
        assertThat(bench.content(snapshot, "vdb")).isEqualTo("b0");
        assertThat(snapshot.quiescence().state()).isEqualTo(VmState.OFF);
        assertThat(snapshot.quiescence().achieved()).isEqualTo(Consistency.CRASH);
        assertThat(bench.engine().show(vm.name(), "s1")).isEqualTo(snapshot);
        assertThat(bench.engine().show(vm.uuid(), "latest")).isEqualTo(snapshot);
        assertThat(Files.readString(bench.engine().savedFile(snapshot, "domain.xml")))
                .contains(vm.uuid());
    }

    @Test
    void rollBackToAnySnapshotKeepsTheNewerOnes() throws IOException {
        bench.take(vm, "s0");
        writeBoth("a1", "b1");
        bench.take(vm, "s1");
        writeBoth("a2", "b2");
        bench.take(vm, "s2");
        writeBoth("a3", "b3");

        bench.rollBack(vm, "s0");
        assertBoth("a0", "b0");
        bench.rollBack(vm, "s2");
        assertBoth("a2", "b2");
        bench.rollBack(vm, "s1");
        assertBoth("a1", "b1");
        assertThat(bench.names(vm)).containsExactly("s2", "s1", "s0");
    }

    @Test
    void undoGoesBackAndUndoOfUndoGoesForth() throws IOException {
        bench.take(vm, "s0");
        writeBoth("a1", "b1");

        RollbackResult result = bench.rollBack(vm, "s0");
        assertThat(result.guard()).isPresent();
        bench.undo(vm);
        assertBoth("a1", "b1");
        bench.undo(vm);
        assertBoth("a0", "b0");
    }

    @Test
    void chosenDisksAloneAreRolledBackAndUndone() throws IOException {
        bench.take(vm, "s0");
        writeBoth("a1", "b1");

        bench.rollBack(vm, "s0", new DiskName("vdb"));
        assertBoth("a1", "b0");
        write(vda, "a2");
        bench.undo(vm);
        assertBoth("a2", "b1");
    }

    @Test
    void aRollbackRestoresTheDefinitionAndKeepsTheName() throws IOException {
        bench.take(vm, "s0");
        Commands.run("virsh", "-c", Bench.URI, "setmaxmem", vm.name(), "128M", "--config");
        Commands.run("virsh", "-c", Bench.URI, "domrename", vm.name(), vm.name() + "-renamed");
        Domain renamed = new Domain(vm.name() + "-renamed", vm.uuid());

        bench.rollBack(renamed, "s0");

        assertThat(Commands.run("virsh", "-c", Bench.URI, "dumpxml", vm.uuid()))
                .contains("<memory unit='KiB'>65536</memory>", "<name>" + renamed.name() + "</name>");
    }

    @Test
    void ownerAndModeOfTheLiveDiskStay() throws IOException {
        bench.take(vm, "s0");
        Commands.run("chown", "64055:107", vda.toString());
        Commands.run("chmod", "0640", vda.toString());

        bench.rollBack(vm, "s0");

        assertThat(Commands.run("stat", "-c", "%u:%g %a", vda.toString()).strip())
                .isEqualTo("64055:107 640");
    }

    @Test
    void deleteInAnyOrderLeavesTheOthersWhole() throws IOException {
        Snapshot first = bench.take(vm, "s0");
        writeBoth("a1", "b1");
        bench.take(vm, "s1");
        writeBoth("a2", "b2");
        Snapshot last = bench.take(vm, "s2");

        bench.delete(vm, "s1");

        assertThat(bench.names(vm)).containsExactly("s2", "s0");
        assertThat(bench.content(first, "vda")).isEqualTo("a0");
        assertThat(bench.content(last, "vdb")).isEqualTo("b2");
        bench.delete(vm, "s0");
        bench.delete(vm, "latest");
        assertThat(bench.names(vm)).isEmpty();
        assertBoth("a2", "b2");
    }

    @Test
    void aHeldSnapshotIsNotDeletedUntilReleased() {
        bench.take(vm, "s0");
        bench.engine().relabel(OperationId.random(), vm.name(), "s0", StoppedVmTest::hold);

        assertProblem(Code.REFUSED, "it is held", "flatsnap release", () -> bench.delete(vm, "s0"));

        bench.engine().relabel(OperationId.random(), vm.name(), "s0", labels -> Labels.NONE);
        bench.delete(vm, "s0");
        assertThat(bench.names(vm)).isEmpty();
    }

    private static Labels hold(Labels labels) {
        return new Labels(labels.description(), labels.tags(), true);
    }

    @Test
    void labelsStandOnStorageAndSurviveTheLossOfTheCatalog() throws IOException {
        bench.take(vm, "s0");
        bench.take(vm, "s1");
        Labels labels = new Labels(new Description("Größe\nzweite Zeile"), Snapshots.tags("prod", "db=pg"), true);
        Snapshot changed = bench.engine().relabel(OperationId.random(), vm.name(), "s0", old -> labels);

        bench.restartWithoutCatalog();

        assertThat(bench.engine().show(vm.name(), "s0")).isEqualTo(changed);
        assertThat(changed.labels()).isEqualTo(labels);
        assertThat(bench.names(vm)).containsExactly("s1", "s0");
    }

    @Test
    void aCloneIsAVmOfItsOwn() throws IOException {
        bench.take(vm, "s0");
        writeBoth("a1", "b1");
        OperationId operation = OperationId.random();
        VmName name = new VmName(vm.name() + "-clone");

        CloneResult clone = bench.engine().clone(operation, vm.name(), "s0", name);
        bench.adopt(new Domain(name.value(), clone.vm().value()));

        assertThat(read(Path.of(clone.disks().get(0)))).isEqualTo("a0");
        write(Path.of(clone.disks().get(0)), "clone");
        assertThat(bench.content(bench.engine().show(vm.name(), "s0"), "vda")).isEqualTo("a0");
        assertBoth("a1", "b1");
        assertThat(clone.vm().value()).isNotEqualTo(vm.uuid());
        assertThat(Commands.run("virsh", "-c", Bench.URI, "dumpxml", name.value()))
                .contains(clone.disks().get(0), clone.disks().get(1))
                .doesNotContain(vda.toString(), vm.uuid());

        assertThat(bench.engine().clone(operation, vm.name(), "s0", name).vm()).isEqualTo(clone.vm());
        assertProblem(Code.EXISTS, "there is a VM of that name", "another name", () -> bench.engine()
                .clone(OperationId.random(), vm.name(), "s0", name));
    }

    @Test
    void aRetryGetsTheFirstResultAlsoAfterARestart() throws IOException {
        TakeRequest request = Bench.request(vm, "s0");
        Snapshot first = bench.engine().take(request);
        assertThat(bench.engine().take(request)).isEqualTo(first);
        bench.restart();
        assertThat(bench.engine().take(request)).isEqualTo(first);
        bench.restartWithoutCatalog();
        assertThat(bench.engine().take(request)).isEqualTo(first);
        assertThat(bench.names(vm)).containsExactly("s0");
    }

    @Test
    void aDuplicateNameIsRefused() {
        bench.take(vm, "s0");
        assertProblem(Code.EXISTS, "has a snapshot of that name", "Choose another", () -> bench.take(vm, "s0"));
    }

    @Test
    void unknownNamesAreToldApart() {
        bench.take(vm, "s0");
        assertProblem(Code.NOT_FOUND, "no VM has that name", "flatsnap vms", () -> bench.engine()
                .take(Bench.request(new Domain("nobody", ""), "s1")));
        assertProblem(Code.NOT_FOUND, "no snapshot of that name", "flatsnap list", () -> bench.rollBack(vm, "absent"));
        assertProblem(
                Code.NOT_FOUND, "does not have it", "vda, vdb", () -> bench.rollBack(vm, "s0", new DiskName("vdz")));
    }

    @Test
    void disksThatCannotBeSnapshottedAreNamedWithReasonAndRemedy() throws IOException {
        Path chained = bench.store().resolve("chained.qcow2");
        Commands.run("qemu-img", "create", "-q", "-f", "qcow2", chained.toString(), "1M");
        Path outside = Files.createTempFile("flatsnap-outside", ".raw");
        Domain mixed = bench.define(
                "mixed", rawDisk("vda", vda) + Bench.disk("vdb", chained, "qcow2", "disk") + rawDisk("vdc", outside));

        assertThatThrownBy(() -> bench.take(mixed, "s0"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("disk vdb is qcow2, not raw")
                .hasMessageContaining("qemu-img convert -O raw " + chained)
                .hasMessageContaining("disk vdc lies outside every store (" + outside + ")")
                .hasMessageContaining("[[store]]");

        TakeRequest plain = Bench.request(mixed, "s0");
        Snapshot snapshot = bench.engine()
                .take(new TakeRequest(
                        plain.operation(),
                        plain.vm(),
                        plain.name(),
                        plain.labels(),
                        plain.level(),
                        false,
                        Set.of(new DiskName("vda"))));
        assertThat(snapshot.disks()).hasSize(1);
        Files.delete(outside);
    }

    @Test
    void twoVmsOnOneDiskAreNotRolledBackUnderEachOther() throws IOException {
        bench.take(vm, "s0");
        writeBoth("a1", "b1");
        Domain other = bench.define("other", rawDisk("vda", vda));

        assertProblem(Code.REFUSED, "VM " + other.name() + " uses " + vda, "Detach it", () -> bench.rollBack(vm, "s0"));
        assertBoth("a1", "b1");
    }

    @Test
    void aDiskThatAProcessWritesToIsNotReplaced() throws IOException {
        bench.take(vm, "s0");
        writeBoth("a1", "b1");
        try (var writer = Files.newOutputStream(vda, java.nio.file.StandardOpenOption.APPEND)) {
            assertThat(writer).isNotNull();
            assertProblem(Code.REFUSED, "open for writing", "End it first", () -> bench.rollBack(vm, "s0"));
        }
        assertBoth("a1", "b1");
        bench.rollBack(vm, "s0");
        assertBoth("a0", "b0");
    }

    @Test
    void aDiskThatIsGoneComesBack() throws IOException {
        bench.take(vm, "s0");
        Files.delete(vda);
        write(vdb, "b1");

        bench.rollBack(vm, "s0");

        assertBoth("a0", "b0");
        bench.undo(vm);
        assertThat(read(vdb)).isEqualTo("b1");
    }

    @Test
    void nvramIsPartOfTheSnapshotWhereverItLies() throws IOException {
        Path nvram = Files.createTempFile("flatsnap", "_VARS.fd");
        Path disk = bench.disk("uefi.raw", "a0");
        Path loader = Files.createTempFile("flatsnap", "_CODE.fd");
        Files.writeString(nvram, "boot order 1");
        Domain uefi = bench.define(
                "uefi",
                "<loader readonly='yes' type='pflash'>" + loader + "</loader><nvram>" + nvram + "</nvram>",
                rawDisk("vda", disk));
        bench.take(uefi, "s0");
        Files.writeString(nvram, "boot order 2");
        write(disk, "a1");

        bench.rollBack(uefi, "s0");
        assertThat(nvram).hasContent("boot order 1");
        bench.undo(uefi);
        assertThat(nvram).hasContent("boot order 2");
        assertThat(read(disk)).isEqualTo("a1");

        VmName name = new VmName(uefi.name() + "-clone");
        CloneResult clone = bench.engine().clone(OperationId.random(), uefi.name(), "s0", name);
        bench.adopt(new Domain(name.value(), clone.vm().value()));
        Path copy = nvram.resolveSibling(name + "-" + clone.vm().shortForm() + "_VARS.fd");
        assertThat(copy).hasContent("boot order 1");
        Files.deleteIfExists(nvram);
        Files.delete(loader);
    }

    @Test
    void disksOnTwoStoresAreOneSnapshot() throws IOException {
        LoopFileSystem xfs = LoopFileSystem.xfs();
        LoopFileSystem btrfs = LoopFileSystem.btrfs();
        try (Bench two = Bench.on(xfs, btrfs)) {
            Path a = Bench.disk(two.store(0), "a.raw", "a0");
            Path b = Bench.disk(two.store(1), "b.raw", "b0");
            Domain wide = two.define("wide", rawDisk("vda", a) + rawDisk("vdb", b));
            Snapshot snapshot = two.take(wide, "s0");
            write(a, "a1");
            write(b, "b1");

            assertThat(snapshot.stores()).hasSize(2);
            two.restartWithoutCatalog();
            two.rollBack(wide, "s0");
            assertThat(List.of(read(a), read(b))).containsExactly("a0", "b0");
            two.undo(wide);
            assertThat(List.of(read(a), read(b))).containsExactly("a1", "b1");
            two.delete(wide, "s0");
            assertThat(two.names(wide)).isEmpty();
            two.assertNothingStaged();
        }
    }

    @Test
    void namesInAnyScriptWork() throws IOException {
        for (String name : List.of("до обновления", "移行前", "x'y\"z $(reboot) %2e", "é".repeat(100))) {
            bench.take(vm, name);
        }
        bench.restartWithoutCatalog();
        assertThat(bench.names(vm)).hasSize(4).contains("移行前");
        bench.delete(vm, "x'y\"z $(reboot) %2e");
        assertThat(bench.names(vm)).hasSize(3);
    }

    private static void assertProblem(Code code, String why, String remedy, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).as(problem.getMessage()).isEqualTo(code);
            assertThat(problem.why()).contains(why);
            assertThat(problem.remedy()).contains(remedy);
        });
    }
}
