package org.flatsnap.catalog;

import static java.util.Comparator.comparing;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;

/**
 * A snapshot's place in time: when it was taken, and its id to tell those of one moment apart. Every index is ordered by it.
 *
 * <p>As bytes, compared without sign: seconds with the sign bit flipped (8), nanoseconds (4), id in ASCII (27).
 */
record Stamp(Instant takenAt, SnapshotId id) implements Comparable<Stamp> {
    private static final int TIME_SIZE = Long.BYTES + Integer.BYTES;
    private static final int ID_SIZE = 27;

    static final int SIZE = TIME_SIZE + ID_SIZE;

    private static final Comparator<Stamp> ORDER = comparing(Stamp::takenAt).thenComparing(Stamp::id);

    static Stamp of(Snapshot snapshot) {
        return new Stamp(snapshot.takenAt(), snapshot.id());
    }

    /** Reads the one that ends an index key. */
    static Stamp endOf(byte[] key) {
        ByteBuffer buffer = ByteBuffer.wrap(key, key.length - SIZE, SIZE);
        Instant takenAt = Instant.ofEpochSecond(buffer.getLong() ^ Long.MIN_VALUE, buffer.getInt());
        byte[] id = Arrays.copyOfRange(key, key.length - ID_SIZE, key.length);
        return new Stamp(takenAt, new SnapshotId(new String(id, StandardCharsets.US_ASCII)));
    }

    /** Sorts before the stamps of that moment and after all earlier ones. */
    static byte[] start(Instant moment) {
        return ByteBuffer.allocate(TIME_SIZE)
                .putLong(moment.getEpochSecond() ^ Long.MIN_VALUE)
                .putInt(moment.getNano())
                .array();
    }

    byte[] bytes() {
        return Keys.join(start(takenAt), id.value().getBytes(StandardCharsets.US_ASCII));
    }

    @Override
    public int compareTo(Stamp other) {
        return ORDER.compare(this, other);
    }
}
