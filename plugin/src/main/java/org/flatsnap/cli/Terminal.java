package org.flatsnap.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Where a command writes.
 *
 * @param out results, in UTF-8 whatever the locale says
 * @param err notes, progress and errors, likewise
 * @param coloured whether {@code out} may be coloured
 * @param rewriting whether lines of {@code err} can be overwritten
 */
record Terminal(PrintWriter out, PrintWriter err, boolean coloured, boolean rewriting) {
    /** First and last of what takes two columns: the large ranges of class W and F of Unicode's annex 11. */
    private static final int[] WIDE = {
        0x1100, 0x115F, 0x2E80, 0xA4CF, 0xAC00, 0xD7A3, 0xF900, 0xFAFF, 0xFE30, 0xFE6F, 0xFF01, 0xFF60, 0xFFE0, 0xFFE6,
        0x1F300, 0x1FAFF, 0x20000, 0x3FFFD
    };

    /** That of this process; colour as https://no-color.org has it. */
    static Terminal ofProcess(Map<String, String> environment) {
        boolean capable = !environment.getOrDefault("TERM", "dumb").equals("dumb");
        boolean wanted = environment.getOrDefault("NO_COLOR", "").isEmpty();
        return new Terminal(
                writer(FileDescriptor.out),
                writer(FileDescriptor.err),
                capable && wanted && isTerminal(1),
                capable && isTerminal(2));
    }

    private static PrintWriter writer(FileDescriptor descriptor) {
        return new PrintWriter(new OutputStreamWriter(new FileOutputStream(descriptor), StandardCharsets.UTF_8), true);
    }

    private static boolean isTerminal(int descriptor) {
        try {
            // Java's Console speaks for input and output together; this asks for one.
            Path file = Files.readSymbolicLink(Path.of("/proc/self/fd").resolve(Integer.toString(descriptor)));
            return file.startsWith("/dev/pts") || file.toString().startsWith("/dev/tty") || file.endsWith("console");
        } catch (IOException e) {
            return false;
        }
    }

    /** The text with all that could steer a terminal written as JSON writes it; with {@code lines}, line feeds stay. */
    static String safe(String text, boolean lines) {
        StringBuilder safe = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            if (steers(c) && !(lines && c == '\n')) {
                for (char unit : Character.toChars(c)) {
                    safe.append(String.format("\\u%04x", (int) unit));
                }
            } else {
                safe.appendCodePoint(c);
            }
        });
        return safe.toString();
    }

    private static boolean steers(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> true;
            default -> false;
        };
    }

    /** How many columns a safe text takes. */
    static int width(String text) {
        return text.codePoints().map(Terminal::width).sum();
    }

    private static int width(int c) {
        int type = Character.getType(c);
        if (type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK) {
            return 0;
        }
        for (int i = 0; i < WIDE.length; i += 2) {
            if (c >= WIDE[i] && c <= WIDE[i + 1]) {
                return 2;
            }
        }
        return 1;
    }
}
