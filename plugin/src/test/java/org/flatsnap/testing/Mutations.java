package org.flatsnap.testing;

import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;

/** What becomes of bytes that nobody takes care of. Positions are shares of the length, so that they fit any bytes. */
public record Mutations(List<Mutation> all) {
    private static final int MOST = 4;

    /** What is done at one place. */
    public enum Kind {
        /** One bit is another. */
        FLIP,
        /** The bytes between two places are others. */
        OVERWRITE,
        /** The bytes between two places are missing. */
        CUT,
        /** The bytes between two places stand there twice. */
        REPEAT,
        /** The bytes at one place stand in place of those at another. */
        COPY,
        /** It ends there. */
        TRUNCATE,
        /** What JSON, XML and TOML take for more than bytes stands there. */
        PUNCTUATE
    }

    /** One of them. */
    public record Mutation(Kind kind, double at, double to, int value) {
        private static final String PUNCTUATION = "{}[]\",:=<>&;/\\'#\n\0 -.9eE";

        byte[] apply(byte[] bytes) {
            if (bytes.length == 0) {
                return bytes;
            }
            int from = (int) (at * bytes.length);
            int until = Math.min(bytes.length, from + 1 + (int) (to * Math.min(64, bytes.length)));
            byte[] changed = bytes.clone();
            switch (kind) {
                case FLIP -> changed[from] ^= (byte) (1 << (value & 7));
                case OVERWRITE -> Arrays.fill(changed, from, until, (byte) value);
                case CUT ->
                    changed = joined(Arrays.copyOf(bytes, from), Arrays.copyOfRange(bytes, until, bytes.length));
                case REPEAT ->
                    changed = joined(Arrays.copyOf(bytes, until), Arrays.copyOfRange(bytes, from, bytes.length));
                case COPY -> {
                    int source = (int) (to * bytes.length);
                    int length = Math.min(1 + (value & 63), bytes.length - Math.max(from, source));
                    System.arraycopy(bytes, source, changed, from, length);
                }
                case TRUNCATE -> changed = Arrays.copyOf(bytes, from);
                case PUNCTUATE -> changed[from] = (byte) PUNCTUATION.charAt(value % PUNCTUATION.length());
            }
            return changed;
        }

        private static byte[] joined(byte[] first, byte[] second) {
            byte[] joined = Arrays.copyOf(first, first.length + second.length);
            System.arraycopy(second, 0, joined, first.length, second.length);
            return joined;
        }
    }

    /** One to a few. */
    public static Arbitrary<Mutations> some() {
        Arbitrary<Double> place =
                Arbitraries.doubles().between(0, true, 1, false).ofScale(6);
        return Combinators.combine(
                        Arbitraries.of(Kind.class),
                        place,
                        place,
                        Arbitraries.integers().between(0, 255))
                .as(Mutation::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(MOST)
                .map(Mutations::new);
    }

    /** The bytes after all of them. */
    public byte[] apply(byte[] bytes) {
        byte[] changed = bytes;
        for (Mutation mutation : all) {
            changed = mutation.apply(changed);
        }
        return changed;
    }
}
