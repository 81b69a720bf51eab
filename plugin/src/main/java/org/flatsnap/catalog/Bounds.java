package org.flatsnap.catalog;

import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;

/**
 * Which stamps to walk, and in which direction.
 *
 * @param from the first moment wanted
 * @param until the first moment no longer wanted
 * @param past walk on from behind this one
 * @param order the direction
 */
record Bounds(Optional<Instant> from, Optional<Instant> until, Optional<Stamp> past, Order order) {
    static final Bounds NEWEST_FIRST =
            new Bounds(Optional.empty(), Optional.empty(), Optional.empty(), Order.NEWEST_FIRST);

    // Sorts behind every stamp: the first byte of a stamp is 0x80 or less for every Instant there is.
    private static final byte[] END = {(byte) 0xFF};

    Bounds past(Stamp stamp) {
        return new Bounds(from, until, Optional.of(stamp), order);
    }

    /** The first key that may be walked. */
    byte[] low(byte[] prefix) {
        byte[] low = Keys.join(prefix, from.map(Stamp::start).orElse(Keys.ANY));
        if (order == Order.NEWEST_FIRST || past.isEmpty()) {
            return low;
        }
        byte[] behind = Keys.join(prefix, past.get().bytes(), new byte[1]);
        return Arrays.compareUnsigned(low, behind) > 0 ? low : behind;
    }

    /** The first key behind those that may be walked. */
    byte[] high(byte[] prefix) {
        byte[] high = Keys.join(prefix, until.map(Stamp::start).orElse(END));
        if (order == Order.OLDEST_FIRST || past.isEmpty()) {
            return high;
        }
        byte[] before = Keys.join(prefix, past.get().bytes());
        return Arrays.compareUnsigned(high, before) < 0 ? high : before;
    }
}
