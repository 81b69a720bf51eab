package org.flatsnap.testing;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;

/** Text from people and from those who mean harm. */
public final class Texts {
    private static final String[] PIECES = {
        "a",
        "web01",
        "/",
        "..",
        ".",
        "-",
        "--help",
        "~",
        " ",
        "\0",
        "\n",
        "\r\n",
        "\t",
        "\u001b[31m",
        "\u202e",
        "\u200b",
        "\ufeff",
        "\ufffd",
        "\ud800",
        "\udc00",
        "e\u0301",
        "\u212a",
        "\u037e",
        "\u0344",
        "\u2028",
        "移行",
        "😀",
        "ß",
        "%2e",
        "%",
        "$(reboot)",
        "`",
        "'",
        "\"",
        "\\",
        "*",
        "?",
        "[",
        ":",
        "@",
        "#",
        "=",
        ",",
        ";",
        "&",
        "<",
        "latest",
        "null",
        "0",
        "1",
        "e",
        "\uffff",
        "\u0085",
        "\u00ad",
        "\ue000",
        "x".repeat(64),
        "é".repeat(100),
        "界".repeat(85)
    };

    private Texts() {}

    /** Any text; half of it is made of what tends to be taken for something else. */
    public static Arbitrary<String> any() {
        Arbitrary<String> pieces = Arbitraries.of(PIECES).list().ofMaxSize(6).map(parts -> String.join("", parts));
        Arbitrary<String> plain = Arbitraries.strings()
                .alpha()
                .numeric()
                .withChars("._-: =")
                .ofMinLength(1)
                .ofMaxLength(70);
        return Arbitraries.oneOf(pieces, Arbitraries.strings().all().ofMaxLength(300), plain);
    }

    /** Whether it can be printed without steering a terminal. */
    public static boolean printable(String text, boolean lines) {
        return text.codePoints()
                .allMatch(c -> lines && (c == '\n' || c == '\t')
                        || switch (Character.getType(c)) {
                            case Character.CONTROL,
                                    Character.FORMAT,
                                    Character.SURROGATE,
                                    Character.LINE_SEPARATOR,
                                    Character.PARAGRAPH_SEPARATOR -> false;
                            default -> true;
                        });
    }
}
