package org.flatsnap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import org.flatsnap.cli.Answers.Snapshot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Finding a snapshot in the view:
 *
 * <pre>
 * view/&lt;vm&gt;/2026-11-22/s1
 * </pre>
 */
class BrowsePathTest {
    @TempDir
    private Path view;

    private static Snapshot snapshot(String vmName) {
        String json = "{\"vm\":\"5f3a09bc-0000\",\"vmName\":\"" + vmName
                + "\",\"name\":\"s1\",\"takenAt\":\"2026-11-22T12:00:00Z\",\"labels\":{}}";
        return new Gson().fromJson(json, Snapshot.class);
    }

    @ParameterizedTest
    @CsvSource({"web01, web01", "web01, web01~5f3a09bc", ".hidden, _hidden", "移行, 移行"})
    void vmsAreFoundUnderTheirLabels(String vmName, String label) throws IOException {
        Path directory = Files.createDirectories(view.resolve(label).resolve("2026-11-22/s1"));

        assertThat(BrowsePath.in(view, snapshot(vmName))).contains(directory);
    }

    @Test
    void theDaemonsDateMayBeAnotherOne() throws IOException {
        LocalDate date = LocalDate.ofInstant(Instant.parse("2026-11-22T12:00:00Z"), ZoneOffset.ofHours(14));
        Path directory = Files.createDirectories(view.resolve("web01/" + date + "/s1"));

        assertThat(BrowsePath.in(view, snapshot("web01"))).contains(directory);
    }

    @Test
    void whatIsNotThereIsNotPromised() throws IOException {
        Files.createDirectories(view.resolve("web01/2026-11-22/s2"));

        assertThat(BrowsePath.in(view, snapshot("web01"))).isEmpty();
        assertThat(BrowsePath.in(view.resolve("nowhere"), snapshot("web01"))).isEmpty();
    }
}
