package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * What stands at the head of the file and of its journal: whose it is, in which layout, and how far it got.
 *
 * @param identity chosen when the file was made
 * @param sequence the number of commits so far
 * @param blocks the number of blocks that follow
 */
record Superblock(UUID identity, long sequence, long blocks) {
    /** Fits one sector, which a disk writes whole or not at all. */
    static final int SIZE = 48;

    // "flatsnap", then the layout of everything behind it.
    private static final long MAGIC = 0x666c6174736e6170L;
    private static final int LAYOUT = 1;

    /** Empty if the bytes are not a superblock of this layout. */
    static Optional<Superblock> parse(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        if (buffer.getLong() != MAGIC || buffer.getInt() != LAYOUT) {
            return Optional.empty();
        }
        Superblock superblock =
                new Superblock(new UUID(buffer.getLong(), buffer.getLong()), buffer.getLong(), buffer.getLong());
        return buffer.getInt() == checksum(bytes, buffer.position() - Integer.BYTES)
                ? Optional.of(superblock)
                : Optional.empty();
    }

    byte[] bytes() {
        ByteBuffer buffer = ByteBuffer.allocate(SIZE)
                .putLong(MAGIC)
                .putInt(LAYOUT)
                .putLong(identity.getMostSignificantBits())
                .putLong(identity.getLeastSignificantBits())
                .putLong(sequence)
                .putLong(blocks);
        return buffer.putInt(checksum(buffer.array(), buffer.position())).array();
    }

    private static int checksum(byte[] bytes, int length) {
        CRC32C checksum = new CRC32C();
        checksum.update(bytes, 0, length);
        return (int) checksum.getValue();
    }
}
