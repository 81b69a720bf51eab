package org.flatsnap.catalog;

import java.util.Map;

/** How many snapshots stand under a prefix, for those prefixes under which there may be many. */
final class Counts {
    private final Map<byte[], Long> counts;

    Counts(Map<byte[], Long> counts) {
        this.counts = counts;
    }

    long of(byte[] prefix) {
        Long count = counts.get(prefix);
        return count == null ? 0 : count;
    }

    void add(byte[] prefix, int change) {
        long count = of(prefix) + change;
        if (count == 0) {
            counts.remove(prefix);
        } else {
            counts.put(prefix, count);
        }
    }
}
