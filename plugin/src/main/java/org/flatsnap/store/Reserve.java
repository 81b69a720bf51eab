package org.flatsnap.store;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The room that snapshots leave to the guests: with shared blocks, each first write to a block takes new room, and a guest that
 * finds none gets I/O errors. Below it nothing is taken or cloned any more.
 *
 * @param share of the store's size, 0 to 1
 * @param bytes a limit to that
 */
public record Reserve(double share, long bytes) {
    /** 5 % of the store, but not more than 10 GiB. */
    public static final Reserve DEFAULT = new Reserve(0.05, 10L << 30);

    private static final Pattern SHARE = Pattern.compile("([0-9]{1,2}(?:\\.[0-9]{1,3})?)%");
    private static final Pattern BYTES = Pattern.compile("([0-9]{1,6})(MiB|GiB|TiB)");

    /** Checks the ranges. */
    public Reserve {
        if (!(share >= 0 && share <= 1) || bytes < 0) {
            throw new IllegalArgumentException("a share between 0 and 1 and no negative number of bytes");
        }
    }

    /**
     * Reads {@code 5%} or {@code 20GiB}; {@code 0%} for none.
     *
     * @throws IllegalArgumentException whose message says what is expected
     */
    public static Reserve parse(String text) {
        Matcher share = SHARE.matcher(text);
        if (share.matches()) {
            return new Reserve(Double.parseDouble(share.group(1)) / 100, Long.MAX_VALUE);
        }
        Matcher bytes = BYTES.matcher(text);
        if (bytes.matches()) {
            int shift =
                    switch (bytes.group(2)) {
                        case "MiB" -> 20;
                        case "GiB" -> 30;
                        default -> 40;
                    };
            return new Reserve(1, Long.parseLong(bytes.group(1)) << shift);
        }
        throw new IllegalArgumentException(
                "a share of the store such as \"5%\", or a size in MiB, GiB or TiB such as \"20GiB\"");
    }

    /** How many bytes that is of a store of this size. */
    public long of(long totalBytes) {
        return Math.min((long) (totalBytes * share), bytes);
    }
}
