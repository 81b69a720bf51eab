package org.flatsnap.fuseview;

import java.time.Instant;
import java.util.concurrent.ThreadLocalRandom;

/** Attributes for nodes in memory, each with an inode number of its own. */
final class InodeNumbers {

    static final Instant MODIFIED = Instant.parse("2026-03-04T05:06:07.123456789Z");
    static final Instant CHANGED = Instant.parse("2026-04-05T06:07:08.987654321Z");

    private InodeNumbers() {}

    static long next() {
        // Above 32 bits, and so many that none comes twice in a test.
        return ThreadLocalRandom.current().nextLong(1L << 33, 1L << 62);
    }

    static Attributes attributes(long inode, int permissions, long size) {
        return new Attributes(inode, permissions, 0, 0, size, (size + 511) / 512, MODIFIED, CHANGED);
    }
}
