package org.flatsnap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What reaches the terminal. */
class TerminalTest {
    @ParameterizedTest
    @CsvSource({
        "a\u001b[31mb, a\\u001b[31mb",
        "a\u009bb, a\\u009bb",
        "a\u202eb, a\\u202eb",
        "a\u200bb, a\\u200bb",
        "a\u2028b, a\\u2028b",
        "a\ud800b, a\\ud800b",
        "a\udb40\udc01b, a\\udb40\\udc01b",
        "a\tb, a\\u0009b",
        "移行🚀é, 移行🚀é"
    })
    void whatSteersIsWrittenOut(String text, String safe) {
        assertThat(Terminal.safe(text, false)).isEqualTo(safe);
    }

    @Test
    void lineFeedsStayWhereLinesAreMeant() {
        assertThat(Terminal.safe("a\nb\rc", true)).isEqualTo("a\nb\\u000dc");
        assertThat(Terminal.safe("a\nb", false)).isEqualTo("a\\u000ab");
    }

    @ParameterizedTest
    @CsvSource({"abc, 3", "移行前, 6", "サーバ, 6", "e\u0301, 1", "🚀, 2", "한국, 4", "ｶﾅ, 2", "Ａ, 2"})
    void widthsAreThoseOfTheTerminal(String text, int columns) {
        assertThat(Terminal.width(text)).isEqualTo(columns);
    }

    @Test
    void columnsStandUnderEachOther() {
        Table table = new Table("NAME", "SIZE");
        table.add("移行", "1");
        table.add("evil\u001b[2J\nname", "22");
        table.add("", "");
        StringWriter out = new StringWriter();
        table.print(new Terminal(new PrintWriter(out, true), new PrintWriter(out, true), false, false));

        assertThat(out.toString().lines())
                .containsExactly(
                        "NAME                     SIZE",
                        "移行                     1",
                        "evil\\u001b[2J\\u000aname  22",
                        "");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0.0 MiB",
        "1048576, 1.0 MiB",
        "1073741823, 1024.0 MiB",
        "1073741824, 1.0 GiB",
        "32212254720, 30.0 GiB"
    })
    void sizesAreBinary(long bytes, String text) {
        assertThat(Wording.size(bytes)).isEqualTo(text);
    }
}
