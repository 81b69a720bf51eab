package org.flatsnap.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;

/** A process that has an image open until somebody kills it. */
public final class ReadForever {
    private ReadForever() {}

    /** Takes the store's dataset, a VM and a snapshot; says what the first disk begins with. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        Store store = ZfsStore.open(new DatasetName(arguments[0]), Optional.empty());
        Snapshot snapshot =
                store.read(new VmId(arguments[1]), new SnapshotId(arguments[2])).orElseThrow();
        Content.Reader reader =
                store.image(snapshot, snapshot.disks().get(0).disk()).open();
        ByteBuffer bytes = ByteBuffer.allocate(2);
        reader.channel().read(bytes, 0);
        System.out.println("reading " + new String(bytes.array(), StandardCharsets.UTF_8));
        Thread.sleep(Long.MAX_VALUE);
    }
}
