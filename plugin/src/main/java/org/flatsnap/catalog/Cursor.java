package org.flatsnap.catalog;

import java.time.DateTimeException;
import java.util.Base64;
import org.flatsnap.model.Problem;

/** Where a page ended. A place in time, not a count, so what comes and goes elsewhere does not move it. */
record Cursor(Order order, Stamp last) {
    private static final byte NEWEST_FIRST = 'n';
    private static final byte OLDEST_FIRST = 'o';

    /** Reads the text form; a Problem if it is not one that a query in this order gave. */
    static Stamp parse(String text, Order order) {
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(text);
            if (bytes.length == 1 + Stamp.SIZE && bytes[0] == letter(order)) {
                return Stamp.endOf(bytes);
            }
        } catch (IllegalArgumentException | DateTimeException | Problem e) {
            throw malformed(e);
        }
        throw malformed(null);
    }

    @Override
    public String toString() {
        return Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(Keys.join(new byte[] {letter(order)}, last.bytes()));
    }

    private static byte letter(Order order) {
        return switch (order) {
            case NEWEST_FIRST -> NEWEST_FIRST;
            case OLDEST_FIRST -> OLDEST_FIRST;
        };
    }

    private static Problem malformed(Exception cause) {
        return new Problem(
                Problem.Code.INVALID,
                "bad cursor",
                "it is not what the previous page of this query gave",
                "Ask for the first page again, without a cursor",
                cause);
    }
}
