package org.flatsnap.catalog;

import java.text.Normalizer;
import java.util.Locale;

/**
 * 64 bits that tell of most texts that they do not contain another one: each two and each three characters that follow each
 * other set one bit. If text a contains text b, the signature of a has all bits of that of b; the other way round it
 * is so by chance, once in a thousand for six letters in a name of twenty.
 */
final class Signature {
    // Odd, so that no bit is lost; what it is does not matter otherwise.
    private static final int SPREAD = 0x9E3779B1;
    private static final int GRAM = 4;

    private Signature() {}

    /** Case does not count. */
    static String folded(String text) {
        if (isAscii(text)) {
            return text.toLowerCase(Locale.ROOT);
        }
        String upper = Normalizer.normalize(text, Normalizer.Form.NFC).toUpperCase(Locale.ROOT);
        // Which sigma it becomes depends on where it stands, so that a part would not be folded like the whole.
        return upper.toLowerCase(Locale.ROOT).replace('ς', 'σ');
    }

    private static boolean isAscii(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) > 0x7F) {
                return false;
            }
        }
        return true;
    }

    /** That of a text, whatever its case. */
    static long of(String text) {
        return ofFolded(folded(text));
    }

    /** That of a text which is folded already. */
    static long ofFolded(String text) {
        long bits = 0;
        int before = 0;
        for (int i = 0; i < text.length(); i++) {
            int c = text.charAt(i);
            int two = before & 0xFFFF;
            if (i > 0) {
                bits |= bit(two << 16 | c);
            }
            if (i > 1) {
                bits |= bit(before * 31 + c + 7);
            }
            before = before << 16 | c;
        }
        return bits;
    }

    /**
     * A number for each four characters that follow each other, whatever their case. If text a contains text b, it has all
     * numbers of b.
     */
    static int[] grams(String text) {
        String folded = folded(text);
        int[] grams = new int[Math.max(0, folded.length() - GRAM + 1)];
        for (int at = 0; at < grams.length; at++) {
            grams[at] = gram(folded, at);
        }
        return grams;
    }

    private static int gram(String text, int at) {
        int hash = 0;
        for (int i = at; i < at + GRAM; i++) {
            hash = hash * 31 + text.charAt(i);
        }
        return hash * SPREAD >>> 8;
    }

    /** That of a word as a whole: two bits. */
    static long ofWord(int hash) {
        return bit(hash) | bit(~hash * 31);
    }

    private static long bit(int gram) {
        int mixed = (gram ^ gram >>> 15) * SPREAD;
        return 1L << (mixed >>> 26);
    }
}
