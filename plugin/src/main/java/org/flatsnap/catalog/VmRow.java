package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/** What the catalog knows about one VM. As bytes: number of snapshots (8), newest stamp, display name in UTF-8. */
record VmRow(long snapshots, Stamp newest, VmName name) {
    static VmRow first(Snapshot snapshot) {
        return new VmRow(1, Stamp.of(snapshot), snapshot.vmName());
    }

    static VmRow parse(byte[] bytes) {
        int nameAt = Long.BYTES + Stamp.SIZE;
        byte[] newest = new byte[Stamp.SIZE];
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        long snapshots = buffer.getLong();
        buffer.get(newest);
        return new VmRow(
                snapshots,
                Stamp.endOf(newest),
                new VmName(new String(bytes, nameAt, bytes.length - nameAt, StandardCharsets.UTF_8)));
    }

    byte[] bytes() {
        return Keys.join(
                ByteBuffer.allocate(Long.BYTES).putLong(snapshots).array(),
                newest.bytes(),
                name.value().getBytes(StandardCharsets.UTF_8));
    }

    VmRow plus(Snapshot snapshot) {
        Stamp stamp = Stamp.of(snapshot);
        return stamp.compareTo(newest) > 0
                ? new VmRow(snapshots + 1, stamp, snapshot.vmName())
                : new VmRow(snapshots + 1, newest, name);
    }

    VmEntry entry(VmId vm) {
        return new VmEntry(vm, name, snapshots, newest.id(), newest.takenAt());
    }
}
