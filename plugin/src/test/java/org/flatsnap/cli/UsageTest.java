package org.flatsnap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the command line says about itself. No daemon is needed for that. */
class UsageTest {
    private static Run flatsnap(String... arguments) {
        return Run.of(Path.of("/nowhere"), arguments);
    }

    @Test
    void helpNamesEveryCommand() {
        Run run = flatsnap("--help");

        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains("vms", "take", "list", "find", "show", "rollback", "undo", "clone", "delete", "adopt", "hold")
                .contains("release", "tag", "describe", "catalog", "doctor", "token", "audit", "Examples:");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "vms",
                "take",
                "list",
                "find",
                "show",
                "rollback",
                "undo",
                "clone",
                "delete",
                "adopt",
                "hold",
                "release",
                "tag",
                "describe",
                "catalog",
                "catalog rebuild",
                "doctor",
                "token",
                "token create",
                "token list",
                "token revoke",
                "audit"
            })
    void everyCommandTeachesByExamples(String command) {
        Run run = flatsnap((command + " --help").split(" "));

        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).startsWith("Usage: flatsnap " + command).contains("Examples:\n  flatsnap " + command);
        assertThat(run.out()).contains("--socket", "--json", "--help", "--version");
        assertThat(run.outLines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
        assertThat(flatsnap((command + " --version").split(" ")).out()).startsWith("flatsnap ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "take",
                "rollback",
                "undo",
                "clone",
                "delete",
                "adopt",
                "hold",
                "release",
                "tag",
                "describe",
                "catalog rebuild"
            })
    void everyCommandThatChangesSomethingTakesAnOperation(String command) {
        assertThat(flatsnap((command + " --help").split(" ")).out()).contains("--operation=UUID");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "lst|Unmatched argument",
                "take|'VM'",
                "rollback web01|'SNAPSHOT'",
                "delete web01|'SNAPSHOT'",
                "list a b|Unmatched argument",
                "list --limit ten|'ten' is not an int",
                "take web01 --operation 12|'12' is not a UUID",
                "take web01 --nonsense|Unknown option",
                "catalog|Missing required subcommand"
            })
    void wrongUsageEndsWithTwoAndAHint(String command, String why) {
        Run run = flatsnap(command.split(" "));

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("flatsnap: ").contains(why, "--help'.");
        assertThat(run.errLines()).hasSizeLessThanOrEqualTo(3);
    }

    @Test
    void wrongUsageCannotSteerTheTerminal() {
        assertThat(flatsnap("\u001b[2Jlist").err()).contains("\\u001b[2Jlist").doesNotContain("\u001b");
    }

    @Test
    void noCommandAtAllIsWrongUsage() {
        assertThat(flatsnap().exitCode()).isEqualTo(2);
    }
}
