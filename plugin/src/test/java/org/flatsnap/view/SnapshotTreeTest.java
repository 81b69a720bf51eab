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
import java.util.TreeSet;
import java.util.stream.Stream;
import org.flatsnap.fuseview.MountOptions;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Tag;
import org.flatsnap.query.Moments;
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
        mounted = new SnapshotTree(bench.catalog(), bench.engine(), Moments.in(ZoneOffset.UTC))
                .mount(mountPoint, MountOptions.named("flatsnap-test"));
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
    void whatIsRetiredMovesAsideFromWhatTheVmHas() throws IOException {
        Snapshot old = bench.take(vm, "s0");
        Path day = directory(old).getParent();
        assertThat(directory(old).resolve("disks/vda.raw")).exists();

        bench.catalog().put(old.with(old.labels().retired(old.takenAt())));
        Path aside = mountPoint.resolve(".retired").resolve(mountPoint.relativize(directory(old)));
        assertThat(find("-mindepth", "1")).isEmpty();
        assertThat(directory(old)).doesNotExist();
        assertThat(mountPoint.resolve(old.vm().value())).doesNotExist();
        assertThat(Bench.read(aside.resolve("disks/vda.raw"))).isEqualTo("v0");
        assertThat(Commands.run("ls", mountPoint.resolve(".retired").toString()).strip())
                .isEqualTo(vm.name());
        Path found =
                mountPoint.resolve(".search/vm=" + vm.name()).resolve(old.id().value());
        assertThat(found.toRealPath()).isEqualTo(aside.toRealPath());

        // A snapshot of that name again.
        Bench.write(disk, "v1");
        bench.delete(vm, old.id().value());
        Snapshot retired = bench.take(vm, "s0");
        bench.catalog().put(retired.with(retired.labels().retired(old.takenAt())));
        bench.catalog().put(old.with(old.labels().retired(old.takenAt())));
        Snapshot fresh = bench.take(vm, "s1");
        assertThat(Commands.run("ls", day.toString()).lines()).containsExactly("s1");
        assertThat(directory(fresh).resolve("snapshot.json")).content().contains("\"name\": \"s1\"");
        assertThat(mountPoint.resolve(vm.name()).resolve("latest").toRealPath())
                .isEqualTo(directory(fresh).toRealPath());
        // Both of that name are there, the older one by its id.
        assertThat(Commands.run("ls", aside.getParent().toString()).lines())
                .containsExactlyInAnyOrder("s0", old.id().value());
        assertThat(Bench.read(aside.resolve("disks/vda.raw"))).isEqualTo("v1");

        bench.catalog().remove(old.id());
        bench.catalog().remove(retired.id());
        assertThat(mountPoint.resolve(".retired")).isEmptyDirectory();
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

    /** A manager that takes the disks one by one reads what it has; nobody else is shown it. */
    @Test
    void anImageStandsUnderTheIdOfItsSnapshotAlsoBeforeThatIsShown() throws IOException {
        Snapshot snapshot = bench.take(vm, "s0");
        bench.catalog().put(snapshot.with(snapshot.labels().underWay(true)));
        Path image = mountPoint.resolve(SnapshotTree.image(snapshot.id(), new DiskName("vda")));

        assertThat(find("-mindepth", "1")).isEmpty();
        assertThat(Bench.read(image)).isEqualTo("v0");
        assertThat(ls(".images")).isEmpty();

        bench.catalog().put(snapshot);
        assertThat(Bench.read(image)).isEqualTo("v0");
        bench.delete(vm, "s0");
        assertThat(image).doesNotExist();
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
        mounted = new SnapshotTree(bench.catalog(), bench.engine(), Moments.in(ZoneOffset.UTC))
                .mount(mountPoint, MountOptions.named("flatsnap-test"));
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

    private List<String> ls(String path) {
        return Commands.run("ls", "-A", mountPoint.resolve(path).toString())
                .lines()
                .toList();
    }

    private Path follow(String path) throws IOException {
        return mountPoint.resolve(path).toRealPath();
    }

    @Test
    void aQueryIsADirectoryOfLinks() throws IOException {
        Snapshot first = bench.take(vm, "before-upgrade");
        Snapshot second = bench.take(vm, "nightly");
        bench.engine()
                .relabel(
                        OperationId.random(),
                        vm.uuid(),
                        "nightly",
                        labels -> new Labels(
                                new Description("nginx 1.28"), new TreeSet<>(List.of(new Tag("prod"))), false));

        String link = vm.name() + "@before-upgrade";
        assertThat(ls(".search/name=before-*")).containsExactly(link);
        assertThat(follow(".search/name=before-*/" + link)).isEqualTo(directory(first));
        assertThat(mountPoint.resolve(".search/name=before-*/" + link + "/disks/vda.raw"))
                .hasSize(1 << 20);
        assertThat(ls(".search/vm=" + vm.name() + " on=today")).hasSize(2);
        assertThat(ls(".search/vm=" + vm.uuid())).hasSize(2);
        assertThat(ls(".search/NGINX 1.28")).containsExactly(vm.name() + "@nightly");
        assertThat(ls(".search/tag=absent")).isEmpty();
        assertThat(ls(".by-tag")).containsExactly("prod");
        assertThat(follow(".by-tag/prod/" + vm.name() + "@nightly")).isEqualTo(directory(second));
        assertThat(ls(".by-date/today/"))
                .hasSize(2)
                .isEqualTo(ls(".by-date/" + ls(".by-date").get(0)));
        assertThat(follow(".by-date/today/" + second.id())).isEqualTo(directory(second));

        // What does not match is not there, though it is a snapshot.
        assertThat(mountPoint.resolve(".search/tag=prod/" + link)).doesNotExist();
        assertThat(mountPoint.resolve(".by-date/yesterday")).doesNotExist();
        assertThat(mountPoint.resolve(".by-date/2020-01-01")).doesNotExist();
        assertThat(mountPoint.resolve(".by-tag/absent")).doesNotExist();

        bench.delete(vm, "nightly");
        assertThat(ls(".by-tag")).isEmpty();
        assertThat(ls(".search/vm=" + vm.name())).containsExactly(link);
    }

    @Test
    void aWrongQueryIsADirectoryThatExplainsIt() {
        assertThat(ls(".search/after=soon")).containsExactly("error.txt");
        assertThat(mountPoint.resolve(".search/after=soon/error.txt"))
                .content()
                .startsWith("bad query 'after=soon': 'soon' is no date. Write 2026-11-22,")
                .endsWith("\n");
    }

    @Test
    void aliasesAndIdsLeadToTheirVmAndDay() throws IOException {
        Snapshot snapshot = bench.take(vm, "s0");
        assertThat(follow(vm.name() + "/today/s0")).isEqualTo(directory(snapshot));
        assertThat(mountPoint.resolve(vm.name() + "/yesterday")).doesNotExist();
        assertThat(follow(vm.uuid() + "/latest")).isEqualTo(directory(snapshot));
        assertThat(mountPoint.resolve("a0000000-0000-0000-0000-000000000000")).doesNotExist();
    }

    @Test
    void whatIsFoundByNameOnlyStandsInNoListing() {
        bench.take(vm, "s0");
        assertThat(ls("")).containsExactly(vm.name());
        assertThat(ls(vm.name())).hasSize(2).contains("latest");
        assertThat(find("-name", "*.raw").lines()).hasSize(1);
    }

    @Test
    void aLinkThatCouldMeanAnotherSnapshotIsNamedByTheId() throws IOException {
        Domain odd = bench.defineExactly(vm.name() + "@a", rawDisk("vda", bench.disk("odd.raw", "x")));
        Snapshot first = bench.take(vm, "a@b");
        Snapshot second = bench.take(odd, "b");
        assertThat(ls(".search/name=*b"))
                .hasSize(2)
                .contains(vm.name() + "@a@b")
                .containsAnyOf(first.id().value(), second.id().value());
        for (String link : ls(".search/name=*b")) {
            assertThat(follow(".search/name=*b/" + link)).isIn(directory(first), directory(second));
        }
        assertThat(Commands.run(
                                "find",
                                "-L",
                                mountPoint.resolve(".search/name=*b").toString(),
                                "-name",
                                "*.raw")
                        .lines())
                .hasSize(2);
    }
}
