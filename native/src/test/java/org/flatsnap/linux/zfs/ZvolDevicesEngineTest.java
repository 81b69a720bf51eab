package org.flatsnap.linux.zfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.linux.zfs.TestPools.LIMIT;
import static org.flatsnap.linux.zfs.TestPools.TANK;
import static org.flatsnap.linux.zfs.TestPools.assertReads;
import static org.flatsnap.linux.zfs.TestPools.assertRefused;
import static org.flatsnap.linux.zfs.TestPools.none;
import static org.flatsnap.linux.zfs.TestPools.volume;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Links below /dev/zvol, made by the real udev. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ZvolDevicesEngineTest {
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
    void aNameThatChangesHandsLeadsToTheNewOwner() throws IOException {
        DatasetName one = volume("one");
        DatasetName two = volume("two");
        DatasetName spare = TANK.child("spare");
        DatasetName owner = one;
        for (int round = 0; round < 5; round++) {
            zfs.rename(one, spare);
            zfs.rename(two, one);
            zfs.rename(spare, two);
            assertReads(one, owner.equals(one) ? "tank/two" : "tank/one");
            assertReads(two, owner.equals(one) ? "tank/one" : "tank/two");
            owner = owner.equals(one) ? two : one;
        }
    }

    @Test
    void blanksAndSnapshotsHaveLinksToo() throws IOException {
        DatasetName disk = volume("vm 1 disk");
        zfs.snapshot(List.of(disk.snapshot("a b")), none());
        new ZfsPrograms(LIMIT).setProperties(disk, Map.of("snapdev", "visible"));

        assertThat(ZvolDevices.await(disk.snapshot("a b"), LIMIT)).hasToString("/dev/zvol/tank/vm+1+disk@a+b");
        assertReads(disk.snapshot("a b"), "tank/vm 1 disk");
    }

    @Test
    void aDeviceTellsItsVolume() throws IOException {
        DatasetName disk = volume("vm 2 disk");
        Path device = ZvolDevices.await(disk, LIMIT).toRealPath();
        assertThat(ZvolDevices.volume(device)).contains(disk);
        zfs.rename(disk, TANK.child("renamed"));
        assertThat(ZvolDevices.volume(device)).contains(TANK.child("renamed"));
        assertThat(ZvolDevices.volume(Path.of("/dev/null"))).isEmpty();
        assertThat(ZvolDevices.volume(Path.of("/dev/zd16p1"))).isEmpty();
        assertThat(ZvolDevices.volume(Path.of("/etc/hostname"))).isEmpty();
    }

    @Test
    void aDeviceThatNeverComesIsATimeout() throws IOException {
        DatasetName disk = volume("nodevice");
        zfs.snapshot(List.of(disk.snapshot("s")), none());

        assertRefused(ZfsErrno.ETIMEDOUT, () -> ZvolDevices.await(TANK.child("absent"), Duration.ofSeconds(1)));
        assertRefused(ZfsErrno.ETIMEDOUT, () -> ZvolDevices.await(disk.snapshot("s"), Duration.ZERO));
    }
}
