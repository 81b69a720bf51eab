package org.flatsnap.linux.zfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.linux.zfs.TestPools.LIMIT;
import static org.flatsnap.linux.zfs.TestPools.OTHER;
import static org.flatsnap.linux.zfs.TestPools.TANK;
import static org.flatsnap.linux.zfs.TestPools.assertRefused;
import static org.flatsnap.linux.zfs.TestPools.none;
import static org.flatsnap.linux.zfs.TestPools.volume;
import static org.flatsnap.linux.zfs.TestPools.write;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** The programs of the real OpenZFS. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ZfsProgramsEngineTest {
    private final ZfsPrograms programs = new ZfsPrograms(LIMIT);
    private TestPools pools;
    private ZfsCore zfs;

    @BeforeAll
    void makePools() throws IOException {
        pools = TestPools.make();
        zfs = ZfsCore.open();
    }

    @AfterAll
    void destroyPools() throws IOException {
        pools.close();
    }

    @Test
    void poolsHaveSizesAndHealth() throws IOException {
        List<Pool> found = programs.pools();

        assertThat(found).extracting(Pool::name).containsExactly("other", "tank");
        assertThat(found).allSatisfy(pool -> {
            assertThat(pool.health()).isEqualTo(Pool.Health.ONLINE);
            assertThat(pool.sizeBytes()).isBetween(3L << 30, 4L << 30);
            assertThat(pool.allocatedBytes() + pool.freeBytes()).isEqualTo(pool.sizeBytes());
            assertThat(pool.guid()).isNotZero();
        });
    }

    @Test
    void aPropertyTellsWhereItComesFrom() throws IOException {
        DatasetName parent = TANK.child("sources");
        programs.createFileSystem(parent, Map.of("compression", "lz4", "org.flatsnap:id", "a=b c"));
        DatasetName disk = volume(parent.child("disk"));
        zfs.snapshot(List.of(disk.snapshot("s")), Map.of("org.flatsnap:own", ""));

        Map<String, Property> found =
                programs.properties(disk, "compression", "readonly", "volsize", "org.flatsnap:id", "origin");
        assertThat(found)
                .isEqualTo(Map.of(
                        "compression", new Property("lz4", Property.Source.INHERITED, "tank/sources"),
                        "readonly", new Property("off", Property.Source.DEFAULT, ""),
                        "volsize", new Property("67108864", Property.Source.LOCAL, ""),
                        "org.flatsnap:id", new Property("a=b c", Property.Source.INHERITED, "tank/sources")));
        assertThat(programs.properties(
                        disk.snapshot("s"), "org.flatsnap:id", "org.flatsnap:own", "org.flatsnap:absent"))
                .isEqualTo(Map.of(
                        "org.flatsnap:id", new Property("a=b c", Property.Source.INHERITED, "tank/sources"),
                        "org.flatsnap:own", new Property("", Property.Source.LOCAL, "")));
        assertThat(programs.properties(disk))
                .containsKeys("used", "guid", "creation", "compression", "org.flatsnap:id");
    }

    @Test
    void settingAndInheriting() throws IOException {
        DatasetName disk = volume("set");
        SnapshotName snapshot = disk.snapshot("s");
        zfs.snapshot(List.of(snapshot), none());
        String longest = "y".repeat(8191);

        programs.setProperties(
                disk, Map.of("compression", "off", "org.flatsnap:a", longest, "org.flatsnap:b", "$(x) 'y' \"z\""));
        programs.setProperties(snapshot, Map.of("org.flatsnap:frozen", "12"));

        Map<String, Property> found = programs.properties(disk, "compression", "org.flatsnap:a", "org.flatsnap:b");
        assertThat(found.get("compression")).isEqualTo(new Property("off", Property.Source.LOCAL, ""));
        assertThat(found.get("org.flatsnap:a").value()).isEqualTo(longest);
        assertThat(found.get("org.flatsnap:b").value()).isEqualTo("$(x) 'y' \"z\"");
        assertThat(programs.properties(snapshot, "org.flatsnap:frozen").get("org.flatsnap:frozen"))
                .isEqualTo(new Property("12", Property.Source.LOCAL, ""));

        programs.inherit(disk, "compression");
        programs.inherit(disk, "org.flatsnap:a");
        programs.inherit(disk, "org.flatsnap:never");
        found = programs.properties(disk, "compression", "org.flatsnap:a");
        assertThat(found).containsOnlyKeys("compression");
        assertThat(found.get("compression").source()).isEqualTo(Property.Source.DEFAULT);
    }

    @Test
    void whatCannotBeSetOrReadIsRefused() throws IOException {
        DatasetName disk = volume("refuse");
        zfs.snapshot(List.of(disk.snapshot("s")), none());

        assertRefused(ZfsErrno.ENOENT, () -> programs.properties(TANK.child("absent"), "used"));
        assertRefused(ZfsErrno.ENOENT, () -> programs.properties(new DatasetName("nopool"), "used"));
        assertThat(assertRefused(ZfsErrno.EINVAL, () -> programs.properties(disk, "nosuch")))
                .hasMessageEndingWith(
                        "bad property list: invalid property 'nosuch'. Check type of dataset and values with"
                                + " zfs get all.");
        assertRefused(ZfsErrno.ENOENT, () -> programs.setProperties(TANK.child("absent"), Map.of("a:b", "c")));
        assertRefused(ZfsErrno.EINVAL, () -> programs.setProperties(disk, Map.of("nosuch", "x")));
        assertRefused(ZfsErrno.EINVAL, () -> programs.setProperties(disk, Map.of("compression", "x")));
        assertRefused(ZfsErrno.EINVAL, () -> programs.setProperties(disk, Map.of("used", "1")));
        assertRefused(ZfsErrno.EINVAL, () -> programs.setProperties(disk.snapshot("s"), Map.of("compression", "off")));
        assertRefused(ZfsErrno.ENOSPC, () -> programs.setProperties(disk, Map.of("reservation", "9000000000000")));
        assertRefused(ZfsErrno.EINVAL, () -> programs.inherit(disk, "volsize"));
        assertRefused(ZfsErrno.EEXIST, () -> programs.createFileSystem(disk, none()));
        assertRefused(ZfsErrno.ENOENT, () -> programs.createFileSystem(TANK.child("absent/new"), none()));
        assertRefused(ZfsErrno.EINVAL, () -> programs.mount(disk));
    }

    @Test
    void aListGoesAsDeepAsAsked() throws IOException {
        DatasetName top = TANK.child("top");
        programs.createFileSystem(top, none());
        programs.createFileSystem(top.child("dir"), none());
        DatasetName disk = volume(top.child("disk 1"));
        for (String name : List.of("b", "a", "c")) {
            zfs.snapshot(List.of(top.snapshot(name), disk.snapshot(name)), Map.of("org.flatsnap:id", name));
        }

        assertThat(names(top, Set.of(DatasetType.SNAPSHOT), false))
                .containsExactly("tank/top@b", "tank/top@a", "tank/top@c");
        assertThat(names(top, Set.of(DatasetType.FILESYSTEM, DatasetType.VOLUME), false))
                .containsExactly("tank/top");
        assertThat(names(top, Set.of(DatasetType.FILESYSTEM, DatasetType.SNAPSHOT), false))
                .containsExactly("tank/top", "tank/top@b", "tank/top@a", "tank/top@c");
        assertThat(names(top, Set.of(DatasetType.FILESYSTEM, DatasetType.VOLUME), true))
                .containsExactly("tank/top", "tank/top/dir", "tank/top/disk 1");
        assertThat(names(top, Set.of(DatasetType.SNAPSHOT), true))
                .containsExactly(
                        "tank/top@b",
                        "tank/top@a",
                        "tank/top@c",
                        "tank/top/disk 1@b",
                        "tank/top/disk 1@a",
                        "tank/top/disk 1@c");
        assertRefused(ZfsErrno.ENOENT, () -> names(TANK.child("absent"), Set.of(DatasetType.SNAPSHOT), true));
    }

    private List<String> names(DatasetName root, Set<DatasetType> types, boolean recursive) throws IOException {
        List<DatasetRecord> records = new ArrayList<>();
        programs.list(root, types, recursive, List.of("org.flatsnap:id", "used"), records::add);
        assertThat(records).allSatisfy(found -> {
            assertThat(types).contains(found.type());
            assertThat(found.guid()).isNotZero();
            assertThat(found.property("used")).isPresent();
            if (found.name() instanceof SnapshotName snapshot) {
                assertThat(found.property("org.flatsnap:id"))
                        .contains(new Property(snapshot.name(), Property.Source.LOCAL, ""));
            }
        });
        return records.stream().map(found -> found.name().toString()).toList();
    }

    @Test
    void aDryRunOfSeveralDisksAddsUp() throws IOException {
        DatasetName first = volume("dry1");
        DatasetName second = volume("dry2");
        for (String name : List.of("a", "b", "c", "d")) {
            zfs.snapshot(List.of(first.snapshot(name), second.snapshot(name)), none());
            write(first, name);
            write(second, name);
        }

        zfs.sync(TANK);
        long bytes = programs.destroyDryRun(
                List.of(first.snapshot("a"), first.snapshot("b"), first.snapshot("d"), second.snapshot("c")));

        assertThat(bytes)
                .isEqualTo(zfs.snapshotRangeSpace(first.snapshot("a"), first.snapshot("b"))
                        + zfs.snapshotRangeSpace(first.snapshot("d"), first.snapshot("d"))
                        + zfs.snapshotRangeSpace(second.snapshot("c"), second.snapshot("c")));
        assertThat(bytes).isBetween(4L << 20, 5L << 20);
        assertThat(zfs.exists(first.snapshot("a"))).isTrue();
        assertThat(programs.destroyDryRun(List.of())).isZero();
        assertRefused(
                ZfsErrno.ENOENT, () -> programs.destroyDryRun(List.of(first.snapshot("a"), first.snapshot("absent"))));
        assertRefused(ZfsErrno.ENOENT, () -> programs.destroyDryRun(List.of(first.snapshot("absent"))));
        zfs.clone(first.snapshot("b"), TANK.child("dryclone"), none());
        assertRefused(ZfsErrno.EEXIST, () -> programs.destroyDryRun(List.of(first.snapshot("b"))));
    }

    @Test
    void aMountedFileSystemMovesWithItsName() throws IOException {
        DatasetName dataset = TANK.child("mounted");
        DatasetName moved = TANK.child("moved");
        programs.createFileSystem(dataset, none());
        Path file = Path.of("/tank/mounted/disk.raw");
        Files.writeString(file, "content");

        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "r")) {
            assertThat(open.length()).isEqualTo(7);
            assertRefused(ZfsErrno.EBUSY, () -> programs.renameDataset(dataset, moved));
            assertRefused(ZfsErrno.EBUSY, () -> programs.unmount(dataset));
        }
        assertRefused(ZfsErrno.EBUSY, () -> programs.mount(dataset));
        assertRefused(ZfsErrno.EXDEV, () -> programs.renameDataset(dataset, OTHER.child("moved")));

        programs.renameDataset(dataset, moved);

        assertThat(Path.of("/tank/moved/disk.raw")).hasContent("content");
        assertThat(file).doesNotExist();
        programs.unmount(moved);
        assertRefused(ZfsErrno.EINVAL, () -> programs.unmount(moved));
        assertThat(Path.of("/tank/moved/disk.raw")).doesNotExist();
        programs.mount(moved);
        assertThat(Path.of("/tank/moved/disk.raw")).hasContent("content");
    }

    @Test
    void aSnapshotOfAFileSystemIsReadBelowDotZfs() throws IOException {
        DatasetName dataset = TANK.child("files");
        programs.createFileSystem(dataset, none());
        Path file = Path.of("/tank/files/disk.raw");
        Files.writeString(file, "then");
        zfs.snapshot(List.of(dataset.snapshot("s")), none());
        Files.writeString(file, "now");

        assertThat(Path.of("/tank/files/.zfs/snapshot/s/disk.raw")).hasContent("then");
        DatasetName clone = TANK.child("files.clone");
        zfs.clone(dataset.snapshot("s"), clone, none());
        programs.setProperties(clone, Map.of("canmount", "noauto", "mountpoint", "/tank/elsewhere"));
        programs.mount(clone);
        assertThat(Path.of("/tank/elsewhere/disk.raw")).hasContent("then");
    }
}
