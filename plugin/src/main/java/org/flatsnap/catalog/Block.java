package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * One checked piece of the file: {@value #PAYLOAD} bytes and the CRC32C over the file's identity, the block's number and
 * those bytes, so that a block that belongs elsewhere is as wrong as one with a flipped bit.
 */
record Block(long number, byte[] payload) {
    static final int SIZE = 4096;
    static final int PAYLOAD = SIZE - Integer.BYTES;

    static Block zero(long number) {
        return new Block(number, new byte[PAYLOAD]);
    }

    /** Checks {@code SIZE} bytes; {@link Damage} if they are not what was written there, with this checksum. */
    static void check(UUID identity, long number, byte[] bytes, int from, int checksum) {
        check(identity, number, bytes, from);
        if (storedChecksum(bytes, from) != checksum) {
            throw new Damage("block " + number + " is of an earlier commit");
        }
    }

    private static void check(UUID identity, long number, byte[] bytes, int from) {
        if (checksum(identity, number, bytes, from) != storedChecksum(bytes, from)) {
            throw new Damage("block " + number + " is damaged");
        }
    }

    private static int storedChecksum(byte[] bytes, int from) {
        return ByteBuffer.wrap(bytes, from + PAYLOAD, Integer.BYTES).getInt();
    }

    /** Reads one out of {@code SIZE} bytes; {@link Damage} if they are not what was written there. */
    static Block parse(UUID identity, long number, byte[] bytes, int from) {
        check(identity, number, bytes, from);
        byte[] payload = new byte[PAYLOAD];
        System.arraycopy(bytes, from, payload, 0, PAYLOAD);
        return new Block(number, payload);
    }

    /** The form in which it stands in the file. */
    byte[] bytes(UUID identity) {
        return ByteBuffer.allocate(SIZE)
                .put(payload)
                .putInt(checksum(identity, number, payload, 0))
                .array();
    }

    int checksum(UUID identity) {
        return checksum(identity, number, payload, 0);
    }

    private static int checksum(UUID identity, long number, byte[] bytes, int from) {
        CRC32C checksum = new CRC32C();
        checksum.update(ByteBuffer.allocate(3 * Long.BYTES)
                .putLong(identity.getMostSignificantBits())
                .putLong(identity.getLeastSignificantBits())
                .putLong(number)
                .flip());
        checksum.update(bytes, from, PAYLOAD);
        return (int) checksum.getValue();
    }
}
