package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import java.text.Normalizer;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Chars;
import net.jqwik.api.constraints.StringLength;

/** A signature never says of a text that it lacks what it contains. */
class SignaturePropertyTest {
    @Property(tries = 300)
    void aTextHasTheBitsOfEachOfItsParts(
            @ForAll @Chars({'a', 'B', 'ß', 'Σ', 'ς', 'é', 'İ', 'ŉ', '移', '1', '-', ' '}) @StringLength(max = 12)
                    String text,
            @ForAll int from,
            @ForAll int to) {
        String whole = Normalizer.normalize(text, Normalizer.Form.NFC);
        int begin = Math.floorMod(from, whole.length() + 1);
        int end = begin + Math.floorMod(to, whole.length() - begin + 1);
        String part = whole.substring(begin, end);
        assertThat(Signature.folded(whole)).contains(Signature.folded(part));
        assertThat(Signature.of(whole) & Signature.of(part)).isEqualTo(Signature.of(part));
        assertThat(Signature.of(whole)).isEqualTo(Signature.ofFolded(Signature.folded(whole)));
        assertThat(numbers(Signature.grams(part))).isSubsetOf(numbers(Signature.grams(whole)));
    }

    private static List<Integer> numbers(int[] grams) {
        return Arrays.stream(grams).boxed().toList();
    }
}
