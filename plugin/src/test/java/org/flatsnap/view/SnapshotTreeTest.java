package org.flatsnap.view;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.testing.Bench.rawDisk;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.attribute.BasicFileAttributeView;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.stream.Stream;
import org.flatsnap.fuseview.MountOptions;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.model.Snapshot;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.flatsnap.testing.Commands;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The view as people use it: ls, find, cp on a real mount. */
class SnapshotTreeTest {
    @TempDir
    Path mountPoint;

    private Bench bench;
    private MountedTree mounted;
    private Path disk;
    private Domain vm;

    @BeforeEach
    void mount() throws IOException {
        bench = Bench.onXfs();
        disk = bench.disk("vm.raw", "v0");
        vm = bench.define("view", rawDisk("vda", disk));
        mounted = MountedTree.mount(
                mountPoint,
                new SnapshotTree(bench.catalog(), bench.engine(), ZoneOffset.UTC),
                MountOptions.named("flatsnap-test"));
    }

    @AfterEach
    void close() throws IOException {
        mounted.close();
        bench.close();
    }

    private Path directory(Snapshot snapshot) {
        LocalDate day = LocalDate.ofInstant(snapshot.takenAt(), ZoneOffset.UTC);
        return mountPoint
                .resolve(snapshot.vmName().value())
                .resolve(day.toString())
                .resolve(snapshot.name().value());
    }

    private String find(String... arguments) {
        return Commands.run(Stream.concat(Stream.of("find", mountPoint.toString()), Stream.of(arguments))
                .toArray(String[]::new));
    }

    @Test
    void aNewSnapshotIsThereAtOnceAndADeletedOneGone() {
        assertThat(find("-mindepth", "1")).isEmpty();

        Snapshot first = bench.take(vm, "s0");
        assertThat(directory(first)).isDirectory();
        Snapshot second = bench.take(vm, "до 移行");
        assertThat(find("-name", "*.raw").lines()).hasSize(2);
        assertThat(find("-name", "до*").strip()).isEqualTo(directory(second).toString());

        bench.delete(vm, "s0");
        assertThat(directory(first)).doesNotExist();
        bench.delete(vm, "до 移行");
        assertThat(find("-mindepth", "1")).isEmpty();
    }

    @Test
    void aSnapshotHasItsRecordItsDefinitionAndItsImages() throws IOException {
        Snapshot snapshot = bench.take(vm, "s0");

        assertThat(Commands.run("find", directory(snapshot).toString(), "-printf", "%P %y %m\\n")
                        .lines())
                .containsExactlyInAnyOrder(
                        " d 555", "disks d 555", "disks/vda.raw f 400", "snapshot.json f 444", "domain.xml f 400");
        assertThat(directory(snapshot).resolve("snapshot.json")).content().contains("\"name\": \"s0\"");
        assertThat(directory(snapshot).resolve("domain.xml")).content().contains(vm.uuid());
    }

    @Test
    void copyingOutRestoresExactBytes(@TempDir Path target) throws IOException {
        Snapshot snapshot = bench.take(vm, "s0");
        Bench.write(disk, "v1");
        Path copy = target.resolve("copy.raw");

        Commands.run(
                "cp",
                "--sparse=always",
                directory(snapshot).resolve("disks/vda.raw").toString(),
                copy.toString());

        assertThat(Bench.read(copy)).isEqualTo("v0");
        assertThat(Files.size(copy)).isEqualTo(1 << 20);
    }

    @Test
    void latestFollows() throws IOException {
        bench.take(vm, "s0");
        Path latest = mountPoint.resolve(vm.name()).resolve("latest");
        assertThat(latest.resolve("snapshot.json")).content().contains("\"name\": \"s0\"");
        bench.take(vm, "s1");
        assertThat(latest.resolve("snapshot.json")).content().contains("\"name\": \"s1\"");
        bench.delete(vm, "s1");
        assertThat(latest.resolve("snapshot.json")).content().contains("\"name\": \"s0\"");
    }

    @Test
    void anOpenImageStaysReadableWhenItsSnapshotIsDeleted() throws IOException {
        Snapshot snapshot = bench.take(vm, "s0");
        try (InputStream open = Files.newInputStream(directory(snapshot).resolve("disks/vda.raw"))) {
            assertThat(open.read()).isEqualTo('v');
            bench.delete(vm, "s0");
            assertThat(directory(snapshot)).doesNotExist();
            assertThat(open.readAllBytes()).hasSize((1 << 20) - 1).startsWith('0');
        }
    }

    /** As find and cp do, which go from directory to file while others delete. */
    @Test
    void whatIsDeletedOnTheWayToItIsMissingAndNotDamaged() throws IOException {
        Snapshot snapshot = bench.take(vm, "s0");
        try (var disks = Files.newDirectoryStream(directory(snapshot).resolve("disks"))) {
            SecureDirectoryStream<Path> open = (SecureDirectoryStream<Path>) disks;
            Path image = Path.of("vda.raw");
            assertThat(open.getFileAttributeView(image, BasicFileAttributeView.class)
                            .readAttributes()
                            .size())
                    .isEqualTo(1 << 20);
            bench.delete(vm, "s0");
            assertThatThrownBy(() -> open.getFileAttributeView(image, BasicFileAttributeView.class)
                            .readAttributes())
                    .isInstanceOf(NoSuchFileException.class);
        }
    }

    @Test
    void nothingCanBeWritten() {
        Snapshot snapshot = bench.take(vm, "s0");
        for (List<String> command : List.of(
                List.of("rm", "-rf", directory(snapshot).toString()),
                List.of("touch", directory(snapshot).resolve("x").toString()),
                List.of(
                        "truncate",
                        "-s0",
                        directory(snapshot).resolve("disks/vda.raw").toString()),
                List.of("mkdir", mountPoint.resolve("x").toString()))) {
            assertThat(Commands.exitCode(command.toArray(String[]::new))).isNotZero();
        }
        assertThat(directory(snapshot).resolve("disks/vda.raw")).hasSize(1 << 20);
    }

    @Test
    void imagesAreForRootAlone() {
        Snapshot snapshot = bench.take(vm, "s0");
        Commands.run("chmod", "0755", mountPoint.getParent().toString());
        String image = directory(snapshot).resolve("disks/vda.raw").toString();
        String record = directory(snapshot).resolve("snapshot.json").toString();
        assertThat(Commands.exitCode("setpriv", "--reuid", "65534", "--clear-groups", "cat", image))
                .isNotZero();
        assertThat(Commands.exitCode("setpriv", "--reuid", "65534", "--clear-groups", "cat", record))
                .isZero();
    }

    @Test
    void inodesAreTheSameAfterARemountAndForEachLookUp() throws IOException {
        Snapshot snapshot = bench.take(vm, "s0");
        String before = find("-printf", "%P %i %T@\\n");
        mounted.close();
        mounted = MountedTree.mount(
                mountPoint,
                new SnapshotTree(bench.catalog(), bench.engine(), ZoneOffset.UTC),
                MountOptions.named("flatsnap-test"));
        assertThat(find("-printf", "%P %i %T@\\n")).isEqualTo(before);
        assertThat(before.lines().map(line -> line.split(" ")[1]).distinct()).hasSize(9);
        assertThat(directory(snapshot)).exists();
    }

    @Test
    void twoVmsOfOneNameAreToldApart() throws IOException {
        bench.take(vm, "s0");
        // libvirt has no two domains of one name at a time: the first is renamed, a second takes its name.
        Commands.run("virsh", "-c", Bench.URI, "domrename", vm.name(), vm.name() + "-old");
        Domain second = bench.defineExactly(vm.name(), rawDisk("vda", bench.disk("second.raw", "x")));
        bench.take(second, "s0");

        assertThat(Commands.run("ls", mountPoint.toString()).lines())
                .containsExactlyInAnyOrder(
                        vm.name() + "~" + vm.uuid().substring(0, 8),
                        second.name() + "~" + second.uuid().substring(0, 8));
    }
}
