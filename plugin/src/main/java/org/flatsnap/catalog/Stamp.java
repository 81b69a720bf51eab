package org.flatsnap.catalog;

import static java.util.Comparator.comparing;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Comparator;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;

/**
 * A snapshot's place in time: when it was taken, and its id to tell those of one moment apart. Every index is ordered by it.
 *
 * <p>As bytes, compared without sign: seconds with the sign bit flipped (8), nanoseconds (4), the id's digits (8), the hex
 * digits at its end (4).
 */
record Stamp(Instant takenAt, SnapshotId id) implements Comparable<Stamp> {
    private static final int TIME_SIZE = Long.BYTES + Integer.BYTES;
    private static final int ID_SIZE = Long.BYTES + Integer.BYTES;

    static final int SIZE = TIME_SIZE + ID_SIZE;

    // 20261122t081637123-5f3a09bc
    private static final int ID_LENGTH = 27;
    private static final int DATE_DIGITS = 8;
    private static final int HEX_DIGITS = 8;
    private static final long TIMES_A_DAY = 1_000_000_000;

    private static final Comparator<Stamp> ORDER = comparing(Stamp::takenAt).thenComparing(Stamp::id);

    static Stamp of(Snapshot snapshot) {
        return new Stamp(snapshot.takenAt(), snapshot.id());
    }

    /** Reads the one that ends an index key. */
    static Stamp endOf(byte[] key) {
        return at(key, key.length - SIZE);
    }

    /** Reads the one that stands at a place. */
    static Stamp at(byte[] bytes, int from) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes, from, SIZE);
        return new Stamp(time(buffer), idOf(buffer.getLong(), buffer.getInt()));
    }

    /** Reads the moment with which bytes begin. */
    static Instant time(byte[] bytes) {
        return time(ByteBuffer.wrap(bytes));
    }

    private static Instant time(ByteBuffer buffer) {
        return Instant.ofEpochSecond(buffer.getLong() ^ Long.MIN_VALUE, buffer.getInt());
    }

    private static SnapshotId idOf(long digits, int random) {
        byte[] text = new byte[ID_LENGTH];
        long rest = digits;
        for (int i = ID_LENGTH - HEX_DIGITS - 2; i >= 0; i--) {
            if (i == DATE_DIGITS) {
                text[i] = 't';
            } else {
                text[i] = (byte) ('0' + rest % 10);
                rest /= 10;
            }
        }
        text[ID_LENGTH - HEX_DIGITS - 1] = '-';
        for (int i = 0; i < HEX_DIGITS; i++) {
            text[ID_LENGTH - 1 - i] = (byte) Character.forDigit(random >>> 4 * i & 0xF, 16);
        }
        return new SnapshotId(new String(text, StandardCharsets.US_ASCII));
    }

    /** An id as bytes that sort like it. */
    static byte[] bytes(SnapshotId id) {
        String text = id.value();
        int dash = ID_LENGTH - HEX_DIGITS - 1;
        long date = Long.parseLong(text, 0, DATE_DIGITS, 10);
        long time = Long.parseLong(text, DATE_DIGITS + 1, dash, 10);
        return ByteBuffer.allocate(ID_SIZE)
                .putLong(date * TIMES_A_DAY + time)
                .putInt(Integer.parseUnsignedInt(text, dash + 1, ID_LENGTH, 16))
                .array();
    }

    /** Sorts before the stamps of that moment and after all earlier ones. */
    static byte[] start(Instant moment) {
        return ByteBuffer.allocate(TIME_SIZE)
                .putLong(moment.getEpochSecond() ^ Long.MIN_VALUE)
                .putInt(moment.getNano())
                .array();
    }

    byte[] bytes() {
        return Keys.join(start(takenAt), bytes(id));
    }

    @Override
    public int compareTo(Stamp other) {
        return ORDER.compare(this, other);
    }
}
