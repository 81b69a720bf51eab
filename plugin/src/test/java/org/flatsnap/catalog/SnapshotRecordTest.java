package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.junit.jupiter.api.Test;

class SnapshotRecordTest {
    // With something in every part.
    private static final Snapshot FULL = new Snapshot(
            SnapshotId.of(Snapshots.NOON, -1),
            Snapshots.WEB01,
            new VmName("größe 移行"),
            new SnapshotName("s 𐍈"),
            Instant.parse("-1000-01-01T00:00:00.000000001Z"),
            new Labels(new Description("two\nlines"), Snapshots.tags("größe", "prod"), true)
                    .without(new TreeSet<>(List.of(new DiskName("vda"), new DiskName("vm-100-disk-0"))))
                    .underWay(true)
                    .retired(Instant.MIN)
                    .after(Optional.of(new SnapshotName("s 0"))),
            Optional.of(new Snapshot.Guard("rollback to s1", true, Instant.MAX)),
            Optional.of(new Snapshot.Foreign("autosnap", true)),
            new Quiescence(Consistency.FILESYSTEM, Consistency.CRASH, VmState.PAUSED, 1, Long.MAX_VALUE, true, "note"),
            new StoreId(UUID.randomUUID()),
            List.of(
                    new DiskImage(new DiskName("vda"), new StoreId(UUID.randomUUID()), "/ä", 0, Optional.of("17")),
                    new DiskImage(new DiskName("vdb"), new StoreId(UUID.randomUUID()), "", 1)),
            Optional.of("/nvram"),
            OperationId.random());

    @Test
    void everyPartIsReadAsItWasWritten() {
        for (Snapshot snapshot : List.of(FULL, Snapshots.sample("s1"))) {
            assertThat(SnapshotRecord.parse(SnapshotRecord.bytes(snapshot))).isEqualTo(snapshot);
        }
    }

    @Test
    void aRecordThatIsTooShortOrTooLongIsDamaged() {
        byte[] bytes = SnapshotRecord.bytes(FULL);
        for (int length = 0; length < bytes.length; length++) {
            byte[] cut = Arrays.copyOf(bytes, length);
            assertThatThrownBy(() -> SnapshotRecord.parse(cut)).isInstanceOf(Damage.class);
        }
        assertThatThrownBy(() -> SnapshotRecord.parse(Arrays.copyOf(bytes, bytes.length + 1)))
                .isInstanceOf(Damage.class);
    }

    @Test
    void stampsSortLikeTheirTimesAndIdsAndAreReadAsTheyWereWritten() {
        List<Stamp> inOrder = List.of(
                new Stamp(Instant.MIN, new SnapshotId("99999999t999999999-ffffffff")),
                new Stamp(Instant.EPOCH.minusNanos(1), new SnapshotId("00000000t000000000-00000000")),
                new Stamp(Instant.EPOCH, new SnapshotId("00000000t000000000-00000000")),
                new Stamp(Instant.EPOCH, new SnapshotId("00000000t000000000-7fffffff")),
                new Stamp(Instant.EPOCH, new SnapshotId("00000000t000000000-80000000")),
                new Stamp(Instant.EPOCH, new SnapshotId("20261122t081637123-5f3a09bc")),
                new Stamp(Instant.MAX, new SnapshotId("00000000t000000001-00000000")));
        for (int i = 0; i < inOrder.size(); i++) {
            byte[] bytes = inOrder.get(i).bytes();
            assertThat(bytes).hasSize(Stamp.SIZE);
            assertThat(Stamp.endOf(bytes)).isEqualTo(inOrder.get(i));
            for (int j = 0; j < i; j++) {
                assertThat(Arrays.compareUnsigned(inOrder.get(j).bytes(), bytes))
                        .isNegative();
            }
        }
    }
}
