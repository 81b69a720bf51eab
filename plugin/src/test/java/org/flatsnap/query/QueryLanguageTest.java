package org.flatsnap.query;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.TreeSet;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QueryLanguageTest {
    private static final ZoneId BERLIN = ZoneId.of("Europe/Berlin");

    private final QueryLanguage language =
            new QueryLanguage(new Moments(Clock.fixed(Instant.parse("2026-11-22T23:30:00Z"), BERLIN)));

    @Test
    void everyKeyNarrows() {
        assertThat(language.parse("vm=web* name=before-? tag=prod tag=env=eu after=2026-11-01 before=2026-12-01T10:00Z "
                        + "text=upgrade"))
                .isEqualTo(SnapshotQuery.ALL
                        .ofVmsNamed("web*")
                        .named("before-?")
                        .tagged(new TreeSet<>(List.of(new Tag("prod"), new Tag("env=eu"))))
                        .after(Instant.parse("2026-10-31T23:00:00Z"))
                        .before(Instant.parse("2026-12-01T10:00:00Z"))
                        .containing("upgrade"));
    }

    @Test
    void aDayIsThatOfTheZoneAlsoWhereTheClockChanges() {
        // The 23rd in Berlin, half an hour after midnight.
        assertThat(language.parse("on=today"))
                .isEqualTo(SnapshotQuery.ALL
                        .after(Instant.parse("2026-11-22T23:00:00Z"))
                        .before(Instant.parse("2026-11-23T23:00:00Z")));
        assertThat(language.parse("on=2026-10-25"))
                .isEqualTo(SnapshotQuery.ALL
                        .after(Instant.parse("2026-10-24T22:00:00Z"))
                        .before(Instant.parse("2026-10-25T23:00:00Z")));
        assertThat(language.parse("before=yesterday"))
                .isEqualTo(SnapshotQuery.ALL.before(Instant.parse("2026-11-21T23:00:00Z")));
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '\'',
            value = {
                "'nginx 1.28', 'nginx 1.28'",
                "'  nginx   1.28 ', 'nginx 1.28'",
                "'\"nginx  1.28\"', 'nginx  1.28'",
                "'text=\"a=b c\"', 'a=b c'",
                "'\"a \\\"quote\\\" and \\\\ more\"', 'a \"quote\" and \\ more'",
                "'移行 до', '移行 до'"
            })
    void wordsWithoutAKeyAreText(String query, String text) {
        assertThat(language.parse(query)).isEqualTo(SnapshotQuery.ALL.containing(text));
    }

    @Test
    void nothingFindsEverything() {
        assertThat(language.parse("")).isEqualTo(SnapshotQuery.ALL);
        assertThat(language.parse("  ")).isEqualTo(SnapshotQuery.ALL);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\'',
            value = {
                "vm=|it ends where a value is missing",
                "vm= web01|it makes no sense from ' web01' on",
                "=web01|it makes no sense from '=web01' on",
                "name=\"a b|a quote does not end",
                "a\"b\"|a quote does not end, or begins in the middle of a word, at '\"b\"'",
                "color=red|'color' is no key; these are: vm, name, tag, on, after, before, text",
                "vm=a vm=b|'vm' says what is said already",
                "on=today after=2026-11-01|'after' says what is said already",
                "nginx text=upgrade|'text' says what is said already",
                "after=soon|'soon' is no date",
                "on=2026-11-22T10:00|more than a day",
                "on=2026-02-30|'2026-02-30' is no date",
                "tag=a/b|a tag begins with a letter or digit",
                "name=[z-a]|a set in [] has its range the wrong way round"
            })
    void whatMakesNoSenseIsRefusedWithTheReason(String query, String reason) {
        assertThatThrownBy(() -> language.parse(query))
                .isInstanceOfSatisfying(
                        Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.INVALID))
                .hasMessageContaining(reason);
    }

    @ParameterizedTest
    @ValueSource(strings = {"tag=prod", "name=a*", "vm=x", "after=today", "on=today", "words"})
    void aNarrowerQueryIsWithinTheOther(String text) {
        SnapshotQuery within = SnapshotQuery.ALL.limitedTo(7).tagged(new TreeSet<>(List.of(new Tag("mine"))));
        SnapshotQuery narrowed = language.narrow(within, text);
        assertThat(narrowed.limit()).isEqualTo(7);
        assertThat(narrowed.tags()).contains(new Tag("mine"));
        assertThat(narrowed).isNotEqualTo(within);
    }

    @Provide
    Arbitrary<String> queries() {
        return Arbitraries.of(
                        "vm",
                        "name",
                        "tag",
                        "on",
                        "after",
                        "=",
                        "\"",
                        "\\",
                        " ",
                        "\t",
                        "[",
                        "*",
                        "2026-11-22",
                        "a",
                        "ж",
                        "\uD83D\uDE00",
                        "\uD83D",
                        "\u202E",
                        "\u0000",
                        "today")
                .list()
                .ofMaxSize(12)
                .map(parts -> String.join("", parts));
    }

    @Property(tries = 500)
    void anyTextIsAQueryOrRefusedByName(@ForAll("queries") String text) {
        try {
            assertThat(language.parse(text)).isNotNull();
        } catch (Problem e) {
            assertThat(e.code()).isEqualTo(Problem.Code.INVALID);
            assertThat(e.remedy()).isNotBlank();
        }
    }
}
