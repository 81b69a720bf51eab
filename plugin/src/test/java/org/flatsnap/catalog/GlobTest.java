package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.flatsnap.model.Problem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GlobTest {
    @ParameterizedTest
    @CsvSource({
        "web*, web01, true",
        "web*, Web01, false",
        "*, anything at all, true",
        "**01, web01, true",
        "web?1, web01, true",
        "web?, web01, false",
        "?, 移, true",
        "?, 𐍈, true",
        "[äöü]*, ärger, true",
        "[!äöü]*, ärger, false",
        "[a-f]1, c1, true",
        "[a-f]1, g1, false",
        "[𐍈x], 𐍈, true",
        "[]a], ], true",
        "[!]a], b, true",
        "[!]a], ], false",
        "[^a], ^, true",
        "[^a], b, false",
        "[a&&b], &, true",
        "[\\d], d, true",
        "[\\d], 5, false",
        "[*], *, true",
        "[*], x, false",
        "[[], [, true",
        "{a;b}, {a;b}, true",
        "a.c, abc, false",
        "\\Qa\\E*, \\Qa\\Eb, true",
        "a*b*c, aXbYbZc, true",
        "a*b*c, aXbYc!, false",
        "*ab, aab, true",
        "*a?c*d, aabxabcd, true",
        "Größe*, Größe-2, true",
    })
    void matchesLikeTheShell(String glob, String name, boolean matches) {
        assertThat(new Glob(glob).test(name)).isEqualTo(matches);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[", "[]", "[!]", "a[b", "[z-a]", "[[", "x[!"})
    void aMalformedPatternIsRefused(String glob) {
        assertThatThrownBy(() -> new Glob(glob))
                .isInstanceOfSatisfying(
                        Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.INVALID));
    }

    @Test
    void equalLookingPatternsAreEqual() {
        assertThat(new Glob("Gro\u0308ße*").test("Größe-2")).isTrue();
    }

    @Test
    void noPatternTakesLong() {
        assertThat(new Glob("*a".repeat(400) + "b").test("a".repeat(200))).isFalse();
        assertThat(new Glob("*a".repeat(100) + "*b*").test("a".repeat(200))).isFalse();
        assertThat(new Glob("*?a".repeat(60) + "b").test("a".repeat(200))).isFalse();
    }

    @Test
    void oddInputIsMatchedOrRefusedButNeverFails() {
        Random random = new Random(7);
        String letters = "*?[]!^-\\{}()|.+$&Qab\uD800\0\n";
        for (int i = 0; i < 20_000; i++) {
            StringBuilder glob = new StringBuilder();
            for (int length = random.nextInt(12); length >= 0; length--) {
                glob.append(letters.charAt(random.nextInt(letters.length())));
            }
            try {
                new Glob(glob.toString()).test("a-b[!]");
            } catch (Problem refused) {
                assertThat(refused.code()).as("%s", glob).isEqualTo(Problem.Code.INVALID);
            }
        }
    }
}
