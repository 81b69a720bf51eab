package org.flatsnap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.flatsnap.server.ApiBench;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The command as people run it: a process of its own. */
@Timeout(120)
class ProcessTest {
    @TempDir
    private Path directory;

    private Run flatsnap(Map<String, String> environment, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Flatsnap.class.getName()));
        command.addAll(List.of(arguments));
        File out = directory.resolve("out").toFile();
        File err = directory.resolve("err").toFile();
        ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(out).redirectError(err);
        builder.environment().put("LC_ALL", "C.UTF-8");
        builder.environment().putAll(environment);
        int exitCode = builder.start().waitFor();
        return new Run(exitCode, read(out), read(err));
    }

    private static String read(File file) throws IOException {
        return Files.readString(file.toPath(), StandardCharsets.UTF_8);
    }

    @Test
    void aProcessTakesAndListsSnapshots() throws Exception {
        try (ApiBench bench = new ApiBench()) {
            bench.vm("移行サーバ", "vda");
            Map<String, String> socket =
                    Map.of("FLATSNAP_SOCKET", bench.socket().toString());

            Run taken = flatsnap(socket, "take", "移行サーバ", "Größe 🚀");
            assertThat(taken.exitCode()).describedAs("%s", taken).isZero();
            assertThat(taken.out()).startsWith("took snapshot Größe 🚀 of 移行サーバ: ");
            assertThat(taken.err()).isEmpty();

            Run listed = flatsnap(socket, "list", "--json");
            assertThat(listed.err()).isEmpty();
            assertThat(JsonParser.parseString(listed.out()).getAsJsonObject().getAsJsonArray("snapshots"))
                    .hasSize(1);

            // Under the C locale no name but ASCII arrives whole, and it is said; output stays UTF-8.
            Run refused =
                    flatsnap(Map.of("FLATSNAP_SOCKET", bench.socket().toString(), "LC_ALL", "C"), "take", "移行サーバ");
            assertThat(refused.exitCode()).isEqualTo(1);
            assertThat(refused.err()).contains("it is not valid UTF-8");
            assertThat(flatsnap(Map.of("FLATSNAP_SOCKET", bench.socket().toString(), "LC_ALL", "C"), "list")
                            .out())
                    .contains("移行サーバ");
        }
    }

    @Test
    void aProcessWithoutDaemonEndsWithThree() throws Exception {
        Run run =
                flatsnap(Map.of("FLATSNAP_SOCKET", directory.resolve("nowhere").toString()), "vms");

        assertThat(run.exitCode()).isEqualTo(3);
        assertThat(run.out()).isEmpty();
        assertThat(run.errLines()).hasSize(1);
        assertThat(flatsnap(Map.of(), "--version").out()).startsWith("flatsnap ");
        assertThat(flatsnap(Map.of(), "nonsense").exitCode()).isEqualTo(2);
    }
}
