package org.flatsnap.catalog;

import java.nio.ByteBuffer;

/** How many snapshots stand under a prefix, for those prefixes under which there may be many. */
final class Counts {
    private final Table counts;

    Counts(Table counts) {
        this.counts = counts;
    }

    long of(byte[] prefix) {
        return counts.get(prefix).map(value -> ByteBuffer.wrap(value).getLong()).orElse(0L);
    }

    void add(byte[] prefix, int change) {
        long count = of(prefix) + change;
        if (count == 0) {
            counts.remove(prefix);
        } else {
            counts.put(prefix, ByteBuffer.allocate(Long.BYTES).putLong(count).array());
        }
    }
}
