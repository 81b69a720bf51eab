package org.flatsnap.linux.zfs;

import static java.util.Objects.requireNonNull;

/**
 * A property's value as {@code zfs get -p} prints it (sizes in bytes, times in seconds since 1970), and where it comes from.
 *
 * @param value may be empty
 * @param source where it was set
 * @param inheritedFrom the dataset it was set on, if the source is {@link Source#INHERITED}, else empty
 */
public record Property(String value, Source source, String inheritedFrom) {
    /** Where a value comes from, the words of zfsprops(7). */
    public enum Source {
        /** Set on the dataset itself. */
        LOCAL,
        /** Set on a dataset above; for a snapshot also on its own dataset. */
        INHERITED,
        /** Came with a received stream. */
        RECEIVED,
        /** Never set. */
        DEFAULT,
        /** Given as a mount option. */
        TEMPORARY,
        /** No setting but a fact, such as used or guid. */
        NONE
    }

    private static final String FROM = "inherited from ";

    public Property {
        requireNonNull(value, "value");
        requireNonNull(source, "source");
        requireNonNull(inheritedFrom, "inheritedFrom");
    }

    /** Reads the source column of {@code zfs get}. */
    static Property of(String value, String source) {
        if (source.startsWith(FROM)) {
            return new Property(value, Source.INHERITED, source.substring(FROM.length()));
        }
        return new Property(
                value,
                switch (source) {
                    case "local" -> Source.LOCAL;
                    case "received" -> Source.RECEIVED;
                    case "default" -> Source.DEFAULT;
                    case "temporary" -> Source.TEMPORARY;
                    case "-", "none" -> Source.NONE;
                    default -> throw new IllegalArgumentException("zfs get printed the source '" + source + "'");
                },
                "");
    }
}
