package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * What the catalog knows about one VM. As bytes: number (4), number of snapshots (8), newest stamp, display name in UTF-8.
 *
 * @param number stands for it in the index by time
 */
record VmRow(int number, long snapshots, Stamp newest, VmName name) {
    static VmRow first(int number, Snapshot snapshot) {
        return new VmRow(number, 1, Stamp.of(snapshot), snapshot.vmName());
    }

    static VmRow parse(byte[] bytes) {
        int stampAt = Integer.BYTES + Long.BYTES;
        int nameAt = stampAt + Stamp.SIZE;
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return new VmRow(
                buffer.getInt(),
                buffer.getLong(),
                Stamp.at(bytes, stampAt),
                new VmName(new String(bytes, nameAt, bytes.length - nameAt, StandardCharsets.UTF_8)));
    }

    byte[] bytes() {
        return Keys.join(
                ByteBuffer.allocate(Integer.BYTES + Long.BYTES)
                        .putInt(number)
                        .putLong(snapshots)
                        .array(),
                newest.bytes(),
                name.value().getBytes(StandardCharsets.UTF_8));
    }

    VmRow plus(Snapshot snapshot) {
        Stamp stamp = Stamp.of(snapshot);
        return stamp.compareTo(newest) > 0
                ? new VmRow(number, snapshots + 1, stamp, snapshot.vmName())
                : new VmRow(number, snapshots + 1, newest, name);
    }

    /** Without one that was not the newest. */
    VmRow minusOld() {
        return new VmRow(number, snapshots - 1, newest, name);
    }

    /** Without the newest; the one before it is given. */
    VmRow minusNewest(Snapshot before) {
        return new VmRow(number, snapshots - 1, Stamp.of(before), before.vmName());
    }

    VmEntry entry(VmId vm) {
        return new VmEntry(vm, name, snapshots, newest.id(), newest.takenAt());
    }
}
