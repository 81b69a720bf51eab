package org.flatsnap.catalog;

import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.flatsnap.linux.Extents;

/**
 * What was changed since the last commit of a {@link BlockFile}, in order. A change is a few hundred bytes here and dozens of
 * blocks there, so this is what makes a single change durable, with one write and one sync; the blocks follow when enough
 * has come together.
 *
 * <p>Format: for each group of changes its length (int), a CRC32C over the file's identity, the number of the commit it
 * follows, its place and its bytes (int), and those: per change the length (int) and the bytes. What fits neither is of
 * another time or was never acknowledged, and ends the log.
 */
final class ChangeLog implements Closeable {
    private static final int HEAD = 2 * Integer.BYTES;
    private static final long ROOM = 2 << 20;

    // Not a FileChannel: an interrupted thread would close that for everybody.
    private final RandomAccessFile file;
    private final UUID identity;
    private long sequence;
    private long end;

    /** Opens or makes the log of a block file that has come so far. */
    ChangeLog(Path path, UUID identity, long sequence) throws IOException {
        this.file = new RandomAccessFile(path.toFile(), "rw");
        // A full file system is to be emptied, which takes changes; without this room they may be refused.
        Extents.tryAllocate(path, 0, ROOM);
        this.identity = identity;
        this.sequence = sequence;
    }

    /** The changes that it holds; more are added behind them. */
    List<byte[]> read() throws IOException {
        List<byte[]> changes = new ArrayList<>();
        byte[] head = new byte[HEAD];
        while (file.length() - end >= HEAD) {
            file.seek(end);
            file.readFully(head);
            ByteBuffer fields = ByteBuffer.wrap(head);
            int length = fields.getInt();
            if (length <= 0 || length > file.length() - end - HEAD) {
                break;
            }
            byte[] group = new byte[length];
            file.readFully(group);
            if (checksum(group) != fields.getInt()) {
                break;
            }
            for (ByteBuffer rest = ByteBuffer.wrap(group); rest.hasRemaining(); ) {
                byte[] change = new byte[rest.getInt()];
                rest.get(change);
                changes.add(change);
            }
            end += HEAD + length;
        }
        return changes;
    }

    /** Adds changes. Durable on return; after a failure it is as before. */
    void append(List<byte[]> changes) throws IOException {
        int length = changes.stream()
                .mapToInt(change -> Integer.BYTES + change.length)
                .sum();
        ByteBuffer group = ByteBuffer.allocate(length);
        changes.forEach(change -> group.putInt(change.length).put(change));
        file.seek(end);
        file.write(ByteBuffer.allocate(HEAD + length)
                .putInt(length)
                .putInt(checksum(group.array()))
                .put(group.array())
                .array());
        file.getFD().sync();
        end += HEAD + length;
    }

    /** How many bytes it has. */
    long length() {
        return end;
    }

    /** Begins anew, behind that commit. What it held stands in the blocks now. */
    void restart(long behind) {
        sequence = behind;
        end = 0;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private int checksum(byte[] group) {
        CRC32C checksum = new CRC32C();
        checksum.update(ByteBuffer.allocate(4 * Long.BYTES)
                .putLong(identity.getMostSignificantBits())
                .putLong(identity.getLeastSignificantBits())
                .putLong(sequence)
                .putLong(end)
                .flip());
        checksum.update(group);
        return (int) checksum.getValue();
    }
}
