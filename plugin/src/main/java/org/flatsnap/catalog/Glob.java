package org.flatsnap.catalog;

import java.text.Normalizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.IntStream;
import org.flatsnap.model.Problem;

/**
 * A pattern for names as the shell has it: {@code *} any characters, {@code ?} one, {@code [abc]} and {@code [a-z]} one of
 * these, {@code [!abc]} one other. Case counts; everything else, also a backslash or brace, stands for itself, and
 * {@code [*]} for a star. A character is a Unicode code point.
 *
 * <p>Translated to {@link java.util.regex}, because the glob of {@code java.nio.file} works on paths, which under
 * {@code LANG=C} cannot hold a name that is not ASCII. What lies between two stars is matched at the first place where it
 * fits and never tried again, so no pattern takes longer than its length times that of the name.
 */
public final class Glob implements Predicate<String> {
    private static final int MAX_LENGTH = 1000;
    private static final int ASCII = 128;
    private static final int LAST_PLACES = 8;
    private static final Pattern TOKEN = Pattern.compile(
            "(?<star>\\*+)|(?<one>\\?)|\\[(?<not>!?+)(?<set>]?[^]]+|])]|(?<open>\\[)|(?<text>[^*?\\[]+)");
    private static final Pattern SPECIAL_IN_SET = Pattern.compile("[\\\\\\[\\]&^]");

    private final String text;
    private final List<String> literals = new ArrayList<>();
    private final Pattern pattern;
    // Most names that do not match are told by these, in less time: how they begin, and the ASCII characters that they
    // may
    // have in the last place, the last but one and so on.
    private String begin = "";
    private final List<BitSet> ends = new ArrayList<>();

    /** A {@link Problem} says what is wrong with it. */
    public Glob(String text) {
        this.text = Normalizer.normalize(text, Normalizer.Form.NFC);
        if (this.text.isEmpty() || this.text.length() > MAX_LENGTH) {
            throw malformed("it has " + this.text.length() + " characters, not 1 to " + MAX_LENGTH, null);
        }
        try {
            this.pattern = Pattern.compile(translate(), Pattern.DOTALL);
        } catch (PatternSyntaxException e) {
            throw malformed("a set in [] has its range the wrong way round", e);
        }
    }

    private String translate() {
        Deque<StringBuilder> pieces = new ArrayDeque<>();
        pieces.add(new StringBuilder());
        Matcher token = TOKEN.matcher(text);
        List<String> last = new ArrayList<>();
        while (token.find()) {
            if (token.group("star") != null) {
                pieces.add(new StringBuilder());
                last.clear();
            } else if (token.group("one") != null) {
                pieces.getLast().append('.');
                last.add(".");
            } else if (token.group("set") != null) {
                String set = (token.group("not").isEmpty() ? "[" : "[^")
                        + SPECIAL_IN_SET.matcher(token.group("set")).replaceAll("\\\\$0")
                        + "]";
                pieces.getLast().append(set);
                last.add(set);
            } else if (token.group("open") != null) {
                throw malformed("a '[' has no ']'", null);
            } else {
                String literal = token.group("text");
                begin = token.start() == 0 ? literal : begin;
                literals.add(literal);
                pieces.getLast().append(Pattern.quote(literal));
                literal.codePoints().forEach(c -> last.add(Pattern.quote(Character.toString(c))));
            }
        }
        for (int i = last.size() - 1; i >= Math.max(0, last.size() - LAST_PLACES); i--) {
            ends.add(ascii(Pattern.compile(last.get(i), Pattern.DOTALL)));
        }
        StringBuilder regex = new StringBuilder(pieces.removeFirst());
        while (pieces.size() > 1) {
            regex.append("(?>.*?").append(pieces.removeFirst()).append(')');
        }
        // Of a fixed length, so there is one place for it: at the end, behind what was matched before.
        if (!pieces.isEmpty()) {
            regex.append(".{%d,}+(?<=%s)".formatted(last.size(), pieces.removeFirst()));
        }
        return regex.toString();
    }

    /** Those that it matches. */
    private static BitSet ascii(Pattern one) {
        BitSet matched = new BitSet(ASCII);
        IntStream.range(0, ASCII)
                .filter(c -> one.matcher(Character.toString(c)).matches())
                .forEach(matched::set);
        return matched;
    }

    /** Whether it matches one name only, which then is {@link #text()}. */
    public boolean isLiteral() {
        return text.chars().noneMatch(c -> c == '*' || c == '?' || c == '[');
    }

    /** What every name that matches contains. */
    List<String> literals() {
        return List.copyOf(literals);
    }

    /** The pattern in normal form C, as all names are. */
    public String text() {
        return text;
    }

    @Override
    public boolean test(String name) {
        return name.startsWith(begin) && mayEnd(name) && pattern.matcher(name).matches();
    }

    private boolean mayEnd(String name) {
        for (int i = 0; i < ends.size(); i++) {
            int at = name.length() - 1 - i;
            if (at < 0) {
                return false;
            }
            if (name.charAt(at) >= ASCII) {
                return true;
            }
            if (!ends.get(i).get(name.charAt(at))) {
                return false;
            }
        }
        return true;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Glob glob && glob.text.equals(text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    @Override
    public String toString() {
        return text;
    }

    private static Problem malformed(String why, Exception cause) {
        return new Problem(
                Problem.Code.INVALID,
                "bad pattern",
                why,
                "Use * for any characters, ? for one, [abc] or [!abc] for a choice, and [[] for a '[' itself",
                cause);
    }
}
