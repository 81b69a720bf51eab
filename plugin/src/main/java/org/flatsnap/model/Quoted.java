package org.flatsnap.model;

/** What somebody said, for the text of an error: in quotes, cut where it gets long, and safe on a terminal. */
public final class Quoted {
    private static final int LONGEST = 60;

    private Quoted() {}

    /** The quoted form; invisible characters become {@code \}{@code u} and their number. */
    public static String of(String value) {
        StringBuilder text = new StringBuilder("'");
        value.codePoints().limit(LONGEST).forEach(c -> {
            if (Character.isISOControl(c)
                    || Character.getType(c) == Character.FORMAT
                    || Character.getType(c) == Character.SURROGATE
                    || c == 0x2028
                    || c == 0x2029) {
                text.append(String.format("\\u%04x", c));
            } else {
                text.appendCodePoint(c);
            }
        });
        return text.append(value.codePointCount(0, value.length()) > LONGEST ? "...'" : "'")
                .toString();
    }
}
