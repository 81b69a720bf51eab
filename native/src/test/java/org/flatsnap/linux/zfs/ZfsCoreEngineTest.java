package org.flatsnap.linux.zfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.linux.zfs.TestPools.LIMIT;
import static org.flatsnap.linux.zfs.TestPools.OTHER;
import static org.flatsnap.linux.zfs.TestPools.TANK;
import static org.flatsnap.linux.zfs.TestPools.assertReads;
import static org.flatsnap.linux.zfs.TestPools.assertRefused;
import static org.flatsnap.linux.zfs.TestPools.none;
import static org.flatsnap.linux.zfs.TestPools.run;
import static org.flatsnap.linux.zfs.TestPools.volume;
import static org.flatsnap.linux.zfs.TestPools.write;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Every call of libzfs_core, and every refusal that can be brought about, on the real OpenZFS. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ZfsCoreEngineTest {
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
    void snapshotsOfSeveralDisksAreOneMoment() throws IOException {
        SnapshotName first = volume("moment1").snapshot("s");
        SnapshotName second = volume("moment2").snapshot("s");

        zfs.snapshot(List.of(first, second), Map.of("org.flatsnap:id", "1", "org.flatsnap:name", "before 'x' = Größe"));

        assertThat(zfs.exists(first)).isTrue();
        Map<String, Property> properties = programs.properties(first, "createtxg", "org.flatsnap:name");
        assertThat(properties.get("createtxg"))
                .isEqualTo(programs.properties(second, "createtxg").get("createtxg"));
        assertThat(properties.get("org.flatsnap:name"))
                .isEqualTo(new Property("before 'x' = Größe", Property.Source.LOCAL, ""));
    }

    @Test
    void oneSnapshotThatCannotBeMadeMeansNone() throws IOException {
        SnapshotName taken = volume("atomic1").snapshot("s");
        SnapshotName free = volume("atomic2").snapshot("s");
        SnapshotName missing = TANK.child("absent").snapshot("s");
        zfs.snapshot(List.of(taken), none());

        assertRefused(ZfsErrno.EEXIST, List.of(taken), () -> zfs.snapshot(List.of(free, taken), none()));
        assertRefused(ZfsErrno.ENOENT, List.of(missing), () -> zfs.snapshot(List.of(free, missing), none()));
        assertRefused(ZfsErrno.EXDEV, () -> zfs.snapshot(List.of(free, OTHER.snapshot("s")), none()));
        assertRefused(
                ZfsErrno.EXDEV, () -> zfs.snapshot(List.of(free, free.dataset().snapshot("t")), none()));

        assertThat(zfs.exists(free)).isFalse();
    }

    @Test
    void aFullPoolIsNamed() throws IOException {
        SnapshotName thick = TANK.child("thick").snapshot("s");
        run("zfs", "create", "-s", "-V", "8G", thick.dataset().name());
        run("sh", "-c", "head -c 64M /dev/zero >" + ZvolDevices.await(thick.dataset(), LIMIT) + "");
        zfs.sync(TANK);
        // All but 8 MiB, where the 64 MiB would have to be reserved once more.
        long reserved = number(TANK, "available") + number(thick.dataset(), "referenced") - (8 << 20);
        programs.setProperties(thick.dataset(), Map.of("refreservation", Long.toString(reserved)));
        try {
            assertRefused(ZfsErrno.ENOSPC, List.of(thick), () -> zfs.snapshot(List.of(thick), none()));
            assertThat(zfs.exists(thick)).isFalse();
        } finally {
            programs.setProperties(thick.dataset(), Map.of("refreservation", "none"));
        }

        zfs.snapshot(List.of(thick), none());
    }

    @Test
    void aReadOnlyPoolIsNotWritten(@TempDir Path directory) throws IOException {
        String file = run("mktemp", "-p", directory.toString()).strip();
        run("truncate", "-s", "128M", file);
        run("zpool", "create", "frozen", file);
        run("zpool", "export", "frozen");
        run("zpool", "import", "-o", "readonly=on", "-d", directory.toString(), "frozen");
        SnapshotName snapshot = new DatasetName("frozen").snapshot("s");

        assertRefused(ZfsErrno.EROFS, () -> zfs.snapshot(List.of(snapshot), none()));
        assertRefused(ZfsErrno.EROFS, () -> zfs.destroySnapshots(List.of(snapshot), false));

        run("zpool", "export", "frozen");
    }

    @Test
    void anOldPoolSaysWhatItCannotDo(@TempDir Path directory) throws IOException {
        String file = run("mktemp", "-p", directory.toString()).strip();
        run("truncate", "-s", "128M", file);
        run("zpool", "create", "-o", "version=10", "old", file);
        SnapshotName snapshot = new DatasetName("old").snapshot("s");

        assertRefused(ZfsErrno.ENOTSUP, () -> zfs.snapshot(List.of(snapshot), Map.of("org.flatsnap:id", "1")));
        zfs.snapshot(List.of(snapshot), none());
        assertRefused(ZfsErrno.ENOTSUP, () -> zfs.hold(Map.of(snapshot, "tag")));
        assertRefused(ZfsErrno.ENOTSUP, () -> zfs.destroySnapshots(List.of(snapshot), true));
        zfs.destroySnapshots(List.of(snapshot), false);

        run("zpool", "destroy", "old");
    }

    @Test
    void aUserPropertyMayHave8191Bytes() throws IOException {
        SnapshotName snapshot = volume("long").snapshot("s");
        String longest = "x".repeat(8191);

        assertRefused(
                ZfsErrno.E2BIG, () -> zfs.snapshot(List.of(snapshot), Map.of("org.flatsnap:long", longest + "x")));
        assertRefused(ZfsErrno.EINVAL, () -> zfs.snapshot(List.of(snapshot), Map.of("nocolon", "x")));
        assertThat(zfs.exists(snapshot)).isFalse();

        zfs.snapshot(
                List.of(snapshot),
                Map.of("org.flatsnap:a", longest, "org.flatsnap:b", longest, "org.flatsnap:c", longest));
        assertThat(programs.properties(snapshot, "org.flatsnap:b")
                        .get("org.flatsnap:b")
                        .value())
                .isEqualTo(longest);
    }

    @Test
    void aCloneHasTheContentAndItsOwnProperties() throws IOException {
        SnapshotName origin = volume("cloned").snapshot("s");
        DatasetName clone = TANK.child("clone");
        zfs.snapshot(List.of(origin), none());
        write(origin.dataset(), "later");

        zfs.clone(origin, clone, Map.of("org.flatsnap:id", "7"));

        assertReads(clone, "tank/cloned");
        assertReads(origin.dataset(), "later");
        Map<String, Property> properties = programs.properties(clone);
        assertThat(properties.get("origin").value()).isEqualTo("tank/cloned@s");
        assertThat(properties.get("org.flatsnap:id")).isEqualTo(new Property("7", Property.Source.LOCAL, ""));
    }

    @Test
    void aCloneThatCannotBeSaysWhy() throws IOException {
        SnapshotName origin = volume("cloned2").snapshot("s");
        DatasetName clone = TANK.child("clone2");
        zfs.snapshot(List.of(origin), none());

        assertRefused(ZfsErrno.EEXIST, () -> zfs.clone(origin, origin.dataset(), none()));
        assertRefused(ZfsErrno.ENOENT, () -> zfs.clone(origin.dataset().snapshot("t"), clone, none()));
        assertRefused(ZfsErrno.ENOENT, () -> zfs.clone(origin, TANK.child("absent/clone2"), none()));
        assertRefused(ZfsErrno.EXDEV, () -> zfs.clone(origin, OTHER.child("clone2"), none()));
        assertRefused(ZfsErrno.EINVAL, () -> zfs.clone(origin, clone, Map.of("readonly", "on")));

        assertThat(zfs.exists(clone)).isFalse();
    }

    @Test
    void promotionTurnsCloneAndOriginRound() throws IOException {
        SnapshotName origin = volume("promoted").snapshot("s");
        DatasetName clone = TANK.child("promoter");
        zfs.snapshot(List.of(origin), none());
        zfs.clone(origin, clone, none());

        zfs.promote(clone);

        assertThat(zfs.exists(clone.snapshot("s"))).isTrue();
        assertThat(zfs.exists(origin)).isFalse();
        assertThat(programs.properties(origin.dataset(), "origin").get("origin").value())
                .isEqualTo("tank/promoter@s");
        assertRefused(ZfsErrno.EINVAL, () -> zfs.promote(clone));
        assertRefused(ZfsErrno.ENOENT, () -> zfs.promote(TANK.child("absent")));
    }

    @Test
    void aPromotionNamesTheSnapshotInItsWay() throws IOException {
        DatasetName disk = volume("conflict");
        DatasetName clone = TANK.child("conflicting");
        zfs.snapshot(List.of(disk.snapshot("same name")), none());
        zfs.snapshot(List.of(disk.snapshot("s")), none());
        zfs.clone(disk.snapshot("s"), clone, none());
        zfs.snapshot(List.of(clone.snapshot("same name")), none());

        assertRefused(ZfsErrno.EEXIST, List.of(clone.snapshot("same name")), () -> zfs.promote(clone));
    }

    @Test
    void anOpenReaderOfASnapshotMakesPromotionAndDestructionBusy() throws IOException {
        SnapshotName snapshot = volume("read").snapshot("s");
        DatasetName clone = TANK.child("reader");
        programs.setProperties(snapshot.dataset(), Map.of("snapdev", "visible"));
        zfs.snapshot(List.of(snapshot), none());
        zfs.clone(snapshot, clone, none());
        Path device = ZvolDevices.await(snapshot, LIMIT);

        try (FileChannel reader = FileChannel.open(device, StandardOpenOption.READ)) {
            assertThat(reader.isOpen()).isTrue();
            assertRefused(ZfsErrno.EBUSY, () -> zfs.promote(clone));
            assertRefused(ZfsErrno.EBUSY, List.of(snapshot), () -> zfs.destroySnapshots(List.of(snapshot), true));
        }

        zfs.promote(clone);
    }

    @Test
    void anOpenVolumeCanBeRenamedAndNotDestroyed() throws IOException {
        DatasetName disk = volume("open");
        DatasetName renamed = TANK.child("renamed");

        try (FileChannel writer =
                FileChannel.open(ZvolDevices.await(disk, LIMIT), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            assertThat(writer.isOpen()).isTrue();
            zfs.rename(disk, renamed);
            assertRefused(ZfsErrno.EBUSY, () -> zfs.destroy(renamed));
        }

        assertReads(renamed, "tank/open");
        TestPools.destroy(zfs, renamed);
        assertThat(zfs.exists(renamed)).isFalse();
    }

    @Test
    void aSnapshotIsRenamedInItsDataset() throws IOException {
        DatasetName disk = volume("named");
        zfs.snapshot(List.of(disk.snapshot("a")), none());
        zfs.snapshot(List.of(disk.snapshot("b")), none());
        String guid =
                programs.properties(disk.snapshot("a"), "guid").get("guid").value();

        zfs.rename(disk.snapshot("a"), "c");

        assertThat(zfs.exists(disk.snapshot("a"))).isFalse();
        assertThat(programs.properties(disk.snapshot("c"), "guid").get("guid").value())
                .isEqualTo(guid);
        assertRefused(ZfsErrno.EEXIST, () -> zfs.rename(disk.snapshot("c"), "b"));
        assertRefused(ZfsErrno.ENOENT, () -> zfs.rename(disk.snapshot("absent"), "d"));
    }

    @Test
    void aRenameThatCannotBeSaysWhy() throws IOException {
        DatasetName disk = volume("stay");
        DatasetName other = volume("stay2");
        programs.createFileSystem(TANK.child("dir"), none());
        zfs.snapshot(List.of(disk.snapshot("s".repeat(200))), none());

        assertRefused(ZfsErrno.EEXIST, () -> zfs.rename(disk, other));
        assertRefused(ZfsErrno.ENOENT, () -> zfs.rename(TANK.child("absent"), TANK.child("new")));
        assertRefused(ZfsErrno.ENOENT, () -> zfs.rename(disk, TANK.child("absent/new")));
        assertRefused(ZfsErrno.EXDEV, () -> zfs.rename(disk, OTHER.child("new")));
        assertRefused(ZfsErrno.EINVAL, () -> zfs.rename(TANK.child("dir"), TANK.child("dir/dir")));
        assertRefused(ZfsErrno.ENAMETOOLONG, () -> zfs.rename(disk, TANK.child("n".repeat(60))));
        assertRefused(ZfsErrno.ZFS_ERR_WRONG_PARENT, () -> zfs.rename(disk, other.child("below")));

        assertThat(zfs.exists(disk)).isTrue();
    }

    @Test
    void whatHasSnapshotsOrChildrenOrIsMountedIsNotDestroyed() throws IOException {
        DatasetName parent = TANK.child("parent");
        programs.createFileSystem(parent, none());
        programs.createFileSystem(parent.child("child"), none());
        DatasetName disk = volume("withsnapshot");
        zfs.snapshot(List.of(disk.snapshot("s")), none());

        assertRefused(ZfsErrno.EBUSY, () -> zfs.destroy(disk));
        assertRefused(ZfsErrno.EBUSY, () -> zfs.destroy(parent.child("child")));
        programs.unmount(parent.child("child"));
        programs.unmount(parent);
        assertRefused(ZfsErrno.EEXIST, () -> zfs.destroy(parent));
        assertRefused(ZfsErrno.ENOENT, () -> zfs.destroy(TANK.child("absent")));

        zfs.destroy(parent.child("child"));
        zfs.destroy(parent);
        zfs.destroySnapshots(List.of(disk.snapshot("s")), false);
        TestPools.destroy(zfs, disk);
        assertThat(zfs.exists(parent)).isFalse();
        assertThat(zfs.exists(disk)).isFalse();
    }

    @Test
    void oneSnapshotThatCannotBeDestroyedMeansNone() throws IOException {
        DatasetName disk = volume("keeps");
        SnapshotName free = disk.snapshot("free");
        SnapshotName held = disk.snapshot("held");
        SnapshotName cloned = disk.snapshot("cloned");
        for (SnapshotName snapshot : List.of(free, held, cloned)) {
            zfs.snapshot(List.of(snapshot), none());
        }
        zfs.hold(Map.of(held, "reader"));
        zfs.clone(cloned, TANK.child("kept"), none());

        assertRefused(ZfsErrno.EBUSY, List.of(held), () -> zfs.destroySnapshots(List.of(free, held), false));
        assertRefused(ZfsErrno.EEXIST, List.of(cloned), () -> zfs.destroySnapshots(List.of(cloned, free), false));
        assertRefused(ZfsErrno.EXDEV, () -> zfs.destroySnapshots(List.of(free, OTHER.snapshot("s")), false));
        assertThat(zfs.exists(free)).isTrue();

        zfs.destroySnapshots(List.of(free, disk.snapshot("absent")), false);
        assertThat(zfs.exists(free)).isFalse();
    }

    @Test
    void aDeferredDestructionHappensWithTheLastHoldAndClone() throws IOException {
        DatasetName disk = volume("deferred");
        SnapshotName held = disk.snapshot("held");
        SnapshotName cloned = disk.snapshot("cloned");
        DatasetName clone = TANK.child("deferring");
        zfs.snapshot(List.of(held), none());
        zfs.snapshot(List.of(cloned), none());
        zfs.hold(Map.of(held, "reader"));
        zfs.clone(cloned, clone, none());

        zfs.destroySnapshots(List.of(held, cloned), true);

        assertThat(programs.properties(held, "defer_destroy")
                        .get("defer_destroy")
                        .value())
                .isEqualTo("on");
        assertRefused(ZfsErrno.EEXIST, List.of(held), () -> zfs.snapshot(List.of(held), none()));
        zfs.release(Map.of(held, "reader"));
        assertThat(zfs.exists(held)).isFalse();
        assertThat(zfs.exists(cloned)).isTrue();
        TestPools.destroy(zfs, clone);
        assertThat(zfs.exists(cloned)).isFalse();
    }

    @Test
    void holdsAreAllOrNoneAndTellTheirTime() throws IOException {
        SnapshotName first = volume("hold1").snapshot("s");
        SnapshotName second = volume("hold2").snapshot("s");
        SnapshotName missing = first.dataset().snapshot("absent");
        zfs.snapshot(List.of(first, second), none());
        Instant before = Instant.now().minusSeconds(2);

        zfs.hold(Map.of(first, "org.flatsnap:reader", second, "org.flatsnap:reader"));
        zfs.hold(Map.of(first, "another"));

        assertThat(zfs.holds(first)).containsOnlyKeys("org.flatsnap:reader", "another");
        assertThat(zfs.holds(first).get("another")).isBetween(before, Instant.now());
        assertRefused(ZfsErrno.EEXIST, List.of(first), () -> zfs.hold(Map.of(first, "another")));
        assertRefused(ZfsErrno.EEXIST, List.of(first), () -> zfs.hold(Map.of(first, "another", second, "another")));
        assertThat(zfs.holds(second)).containsOnlyKeys("org.flatsnap:reader");
        assertRefused(ZfsErrno.ENOENT, List.of(missing), () -> zfs.hold(Map.of(missing, "third")));
        assertRefused(ZfsErrno.ENOENT, List.of(missing), () -> zfs.hold(Map.of(second, "third", missing, "third")));
        assertThat(zfs.holds(second)).containsOnlyKeys("org.flatsnap:reader");
        assertRefused(ZfsErrno.E2BIG, () -> zfs.hold(Map.of(second, "t".repeat(300))));
        assertRefused(ZfsErrno.EXDEV, () -> zfs.hold(Map.of(first, "x", OTHER.snapshot("s"), "x")));
        assertRefused(ZfsErrno.ENOENT, () -> zfs.holds(missing));

        ZfsException refusal = assertRefused(
                ZfsErrno.ENOENT, () -> zfs.release(Map.of(first, "never", second, "org.flatsnap:reader")));
        assertThat(refusal.failures())
                .containsExactly(new ZfsException.Failure(first + "#never", ZfsErrno.ENOENT.number()));
        assertThat(zfs.holds(second)).isEmpty();
        zfs.release(Map.of(first, "another"));
        zfs.release(Map.of(first, "org.flatsnap:reader"));
        assertThat(zfs.holds(first)).isEmpty();
    }

    @Test
    void whatARunOfSnapshotsWouldFreeIsWhatItFrees() throws IOException {
        DatasetName disk = volume("space");
        for (String name : List.of("a", "b", "c")) {
            zfs.snapshot(List.of(disk.snapshot(name)), none());
            write(disk, name);
        }

        zfs.sync(disk);
        long told = zfs.snapshotRangeSpace(disk.snapshot("b"), disk.snapshot("c"));
        assertThat(told).isBetween(2L << 20, 3L << 20);
        assertThat(programs.destroyDryRun(List.of(disk.snapshot("c"), disk.snapshot("b"))))
                .isEqualTo(told);

        long before = number(disk, "used");
        zfs.destroySnapshots(List.of(disk.snapshot("b"), disk.snapshot("c")), false);
        zfs.sync(disk);
        assertThat(before - number(disk, "used")).isEqualTo(told);
        assertRefused(ZfsErrno.ENOENT, () -> zfs.snapshotRangeSpace(disk.snapshot("a"), disk.snapshot("b")));
    }

    @Test
    void aRangeMustBeInOrder() throws IOException {
        DatasetName disk = volume("order");
        DatasetName other = volume("order2");
        for (SnapshotName snapshot : List.of(disk.snapshot("a"), disk.snapshot("b"), other.snapshot("c"))) {
            zfs.snapshot(List.of(snapshot), none());
        }
        assertRefused(ZfsErrno.EINVAL, () -> zfs.snapshotRangeSpace(disk.snapshot("b"), disk.snapshot("a")));
        assertRefused(ZfsErrno.EINVAL, () -> zfs.snapshotRangeSpace(disk.snapshot("a"), other.snapshot("c")));
    }

    private long number(DatasetName dataset, String property) throws IOException {
        return Long.parseLong(
                programs.properties(dataset, property).get(property).value());
    }

    @Test
    void existenceIsToldOfEveryKind() throws IOException {
        assertThat(zfs.exists(TANK)).isTrue();
        assertThat(zfs.exists(TANK.child("absent"))).isFalse();
        assertThat(zfs.exists(TANK.snapshot("absent"))).isFalse();
        assertThat(zfs.exists(TANK.child("absent").snapshot("absent"))).isFalse();
        assertThat(zfs.exists(new DatasetName("nopool"))).isFalse();
        assertRefused(ZfsErrno.ENOENT, () -> zfs.sync(new DatasetName("nopool")));
        assertThat(zfs.exists(new DatasetName("nopool/absent").snapshot("s"))).isFalse();
    }

    /** The way back to any snapshot that loses nothing: see the design's ZFS section. */
    @Test
    void aLiveDiskGoesAsideAndACloneTakesItsPlace() throws IOException {
        DatasetName disk = volume("rollback");
        DatasetName fresh = TANK.child("rollback.new");
        DatasetName aside = TANK.child("rollback.aside");
        for (String name : List.of("s1", "s2", "s3")) {
            write(disk, name);
            zfs.snapshot(List.of(disk.snapshot(name)), none());
        }
        write(disk, "live");

        zfs.snapshot(List.of(disk.snapshot("guard")), none());
        zfs.clone(disk.snapshot("s1"), fresh, none());
        zfs.rename(disk, aside);
        zfs.rename(fresh, disk);

        assertReads(disk, "s1");
        assertReads(aside, "live");
        for (String name : List.of("s1", "s2", "s3", "guard")) {
            assertThat(zfs.exists(aside.snapshot(name))).isTrue();
        }
        zfs.promote(disk);
        assertThat(zfs.exists(disk.snapshot("s1"))).isTrue();
        zfs.destroySnapshots(List.of(aside.snapshot("s2"), aside.snapshot("s3"), aside.snapshot("guard")), false);
        TestPools.destroy(zfs, aside);
        assertReads(disk, "s1");
    }

    @Test
    void manyThreadsWorkAtOnce() throws Exception {
        DatasetName disk = volume("threads");
        ExecutorService threads = Executors.newFixedThreadPool(4);
        List<Future<?>> made = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            SnapshotName snapshot = disk.snapshot("s" + i);
            made.add(threads.submit(() -> {
                zfs.snapshot(List.of(snapshot), Map.of("org.flatsnap:id", snapshot.name()));
                zfs.hold(Map.of(snapshot, "tag"));
                assertRefused(ZfsErrno.EBUSY, List.of(snapshot), () -> zfs.destroySnapshots(List.of(snapshot), false));
                zfs.release(Map.of(snapshot, "tag"));
                assertThat(zfs.exists(snapshot)).isTrue();
                assertThat(zfs.exists(disk.snapshot("no" + snapshot.name()))).isFalse();
                return null;
            }));
        }
        for (Future<?> done : made) {
            done.get();
        }
        threads.shutdown();

        List<DatasetRecord> records = new ArrayList<>();
        programs.list(disk, Set.of(DatasetType.SNAPSHOT), false, List.of("org.flatsnap:id"), records::add);
        assertThat(records).hasSize(20).allSatisfy(snapshot -> assertThat(
                        snapshot.property("org.flatsnap:id").orElseThrow().value())
                .isEqualTo(((SnapshotName) snapshot.name()).name()));
    }
}
