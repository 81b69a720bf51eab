package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** How many snapshots stand under a prefix, for those prefixes under which there may be many. */
final class Counts {
    private final Table counts;

    Counts(Table counts) {
        this.counts = counts;
    }

    long of(byte[] prefix) {
        return counts.get(prefix).map(value -> ByteBuffer.wrap(value).getLong()).orElse(0L);
    }

    /** The prefixes that begin with this one. */
    List<byte[]> prefixes(byte[] beginning) {
        List<byte[]> prefixes = new ArrayList<>();
        counts.walk(beginning, Keys.join(beginning, new byte[] {(byte) 0xFF}), Order.OLDEST_FIRST)
                .forEachRemaining(entry -> prefixes.add(entry.getKey()));
        return prefixes;
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
