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
 * @param blocks the number of blocks that follow, those with checksums aside
 * @param sum of their checksums: a block that is whole but of an earlier commit does not fit it
 */
record Superblock(UUID identity, long sequence, long blocks, long sum) {
    /** Fits one sector, which a disk writes whole or not at all. */
    static final int SIZE = 56;

    // "flatsnap", then the layout of everything behind it.
    private static final long MAGIC = 0x666c6174736e6170L;
    private static final int LAYOUT = 5;

    /** Empty if the bytes are not a superblock of this layout. */
    static Optional<Superblock> parse(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        if (buffer.getLong() != MAGIC || buffer.getInt() != LAYOUT) {
            return Optional.empty();
        }
        Superblock superblock = new Superblock(
                new UUID(buffer.getLong(), buffer.getLong()), buffer.getLong(), buffer.getLong(), buffer.getLong());
        return buffer.getInt() == checksum(bytes, buffer.position() - Integer.BYTES)
                ? Optional.of(superblock)
                : Optional.empty();
    }

    /** Why bytes are not a superblock of this layout, for people. */
    static String refusal(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        if (buffer.getLong() != MAGIC) {
            return "it is not a catalog";
        }
        int layout = buffer.getInt();
        return layout == LAYOUT
                ? "its head is damaged"
                : "it has layout " + layout + ", and this flatsnap uses layout " + LAYOUT;
    }

    byte[] bytes() {
        ByteBuffer buffer = ByteBuffer.allocate(SIZE)
                .putLong(MAGIC)
                .putInt(LAYOUT)
                .putLong(identity.getMostSignificantBits())
                .putLong(identity.getLeastSignificantBits())
                .putLong(sequence)
                .putLong(blocks)
                .putLong(sum);
        return buffer.putInt(checksum(buffer.array(), buffer.position())).array();
    }

    private static int checksum(byte[] bytes, int length) {
        CRC32C checksum = new CRC32C();
        checksum.update(bytes, 0, length);
        return (int) checksum.getValue();
    }
}
