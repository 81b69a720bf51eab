package org.flatsnap.model;

import java.nio.charset.StandardCharsets;
import java.text.Normalizer;

/** The checks that all names from outside share. */
final class Text {
    private Text() {}

    /**
     * Checks a name that will be shown to people and stand as one component of a path in the view.
     *
     * @param kind what it names, for the error: "snapshot name"
     * @param maxBytes the longest form accepted, in bytes of UTF-8
     * @return the name in Unicode normal form C, so that equal looking names are equal
     */
    static String pathComponent(String kind, String value, int maxBytes) {
        String shown = Quoted.of(value);
        String name = printable(kind, value, false);
        if (name.isEmpty()) {
            throw Problem.invalid("bad " + kind, "it is empty", "Give it at least one character");
        }
        if (name.indexOf('/') >= 0) {
            throw Problem.invalid(
                    "bad " + kind + " " + shown,
                    "it contains '/', which separates directories in the view",
                    "Use '-' or '_' instead");
        }
        if (name.equals(".") || name.equals("..")) {
            throw Problem.invalid("bad " + kind + " " + shown, "it names a directory", "Choose another name");
        }
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > maxBytes) {
            throw Problem.invalid(
                    "bad " + kind + " " + shown,
                    "it is " + bytes + " bytes long, the limit is " + maxBytes,
                    "Shorten it; the description has room for more");
        }
        return name;
    }

    /**
     * Refuses control characters, text that was not valid Unicode, and characters that change the direction of a terminal line.
     *
     * @param lines whether line feeds and tabs are accepted
     */
    static String printable(String kind, String value, boolean lines) {
        if (value == null) {
            throw Problem.invalid("bad " + kind, "it is missing", "Give one");
        }
        value.codePoints().forEach(c -> {
            if (lines && (c == '\n' || c == '\t')) {
                return;
            }
            if (c == 0xFFFD || (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)) {
                throw Problem.invalid(
                        "bad " + kind + " " + Quoted.of(value),
                        "it is not valid UTF-8",
                        "Type it in UTF-8 (check that LANG ends in UTF-8)");
            }
            if (Character.isISOControl(c) || Character.getType(c) == Character.FORMAT || c == 0x2028 || c == 0x2029) {
                throw Problem.invalid(
                        "bad " + kind + " " + Quoted.of(value),
                        String.format("it contains the invisible character U+%04X", c),
                        "Leave that character out");
            }
        });
        return Normalizer.normalize(value, Normalizer.Form.NFC);
    }
}
