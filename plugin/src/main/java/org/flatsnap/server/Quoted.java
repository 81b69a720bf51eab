package org.flatsnap.server;

/** What a request said, for the text of an error: in quotes, cut where it gets long. */
final class Quoted {
    private static final int LONGEST = 60;

    private Quoted() {}

    static String of(String text) {
        int length = text.codePointCount(0, text.length());
        return length <= LONGEST
                ? "'" + text + "'"
                : "'" + text.substring(0, text.offsetByCodePoints(0, LONGEST)) + "...'";
    }
}
