package org.flatsnap.engine;

import java.util.Locale;

/** Numbers of bytes as people read them. */
final class Size {
    private Size() {}

    /** {@code 51.2 MiB}, {@code 9.8 GiB}. */
    static String text(long bytes) {
        boolean small = bytes < 1L << 30;
        return String.format(
                Locale.ROOT, "%.1f %s", bytes / (double) (small ? 1 << 20 : 1 << 30), small ? "MiB" : "GiB");
    }
}
