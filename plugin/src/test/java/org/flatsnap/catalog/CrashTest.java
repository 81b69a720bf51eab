package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.catalog.CatalogAssertions.all;
import static org.flatsnap.catalog.CatalogAssertions.assertHoldsExactly;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CrashTest {
    private static final int ROUNDS = 6;

    private final Random random = new Random(1);
    private final Map<Integer, OperationId> put = new HashMap<>();
    private final Set<Integer> removed = new HashSet<>();

    @Test
    void nothingAcknowledgedIsLostWhenTheDaemonIsKilled(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("catalog.db");
        for (int round = 0; round < ROUNDS; round++) {
            killAfter(50 + random.nextInt(200), file, round * 1_000_000);

            try (Catalog catalog = Catalog.open(file)) {
                assertThat(catalog.needsRebuild()).isTrue();
                assertThat(directory).isDirectoryNotContaining("glob:**.damaged*");
                put.forEach((number, operation) -> {
                    Snapshot snapshot = PutForever.snapshot(number);
                    // A removal may have been made but not yet acknowledged.
                    if (number % 3 != 0) {
                        assertThat(catalog.find(snapshot.id())).isPresent();
                        assertThat(catalog.find(snapshot.vm(), snapshot.name())).isPresent();
                        assertThat(catalog.findByOperation(operation)).isPresent();
                    }
                    assertThat(catalog.operationResult(operation)).contains("result " + number);
                });
                removed.forEach(number -> assertThat(
                                catalog.find(PutForever.snapshot(number).id()))
                        .isEmpty());
                assertHoldsExactly(catalog, all(catalog, SnapshotQuery.ALL));
            }
        }
    }

    @Test
    void aKillDuringARebuildLeavesACatalogThatAsksForOne(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("catalog.db");
        List<Snapshot> snapshots = new Fleet(1, 5).snapshots(300);
        try (Catalog catalog = Catalog.open(file)) {
            catalog.replaceAll(snapshots.iterator());
        }
        Process child = start(RebuildForever.class, file.toString());
        try (BufferedReader lines = child.inputReader()) {
            assertThat(lines.readLine()).isEqualTo("rebuilding");
            assertThat(file.resolveSibling("catalog.db.rebuilding")).exists();
        } finally {
            child.destroyForcibly().waitFor();
        }

        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isTrue();
            assertHoldsExactly(catalog, snapshots);
            assertThat(file.resolveSibling("catalog.db.rebuilding")).doesNotExist();
            catalog.replaceAll(snapshots.iterator());
            assertThat(catalog.needsRebuild()).isFalse();
        }
    }

    @Test
    void aSecondDaemonIsTurnedAway(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("catalog.db");
        Process child = start(PutForever.class, file.toString(), "0");
        try (BufferedReader lines = child.inputReader()) {
            assertThat(lines.readLine()).startsWith("put");

            assertThatThrownBy(() -> Catalog.open(file))
                    .isInstanceOfSatisfying(
                            Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.UNAVAILABLE))
                    .hasMessageContaining("another flatsnapd uses it");
            assertThat(child.isAlive()).isTrue();
        } finally {
            child.destroyForcibly().waitFor();
        }
    }

    private void killAfter(int acknowledged, Path file, int first) throws Exception {
        Process child = start(PutForever.class, file.toString(), Integer.toString(first));
        try (BufferedReader lines = child.inputReader()) {
            for (int i = 0; i < acknowledged; i++) {
                note(lines.readLine());
            }
            // Not the process's own method: that would close the pipe and lose what was acknowledged.
            child.toHandle().destroyForcibly();
            lines.lines().filter(line -> line.endsWith(".")).forEach(this::note);
        } finally {
            child.destroyForcibly().waitFor();
        }
    }

    private void note(String line) {
        String[] words = line.split("[ .]");
        int number = Integer.parseInt(words[1]);
        if (words[0].equals("put")) {
            put.put(number, OperationId.parse(words[2]));
        } else {
            removed.add(number);
        }
    }

    private static Process start(Class<?> main, String... arguments) throws IOException {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        List<String> command =
                new ArrayList<>(List.of(java.toString(), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"));
        command.add(System.getProperty("java.class.path"));
        command.add(main.getName());
        command.addAll(List.of(arguments));
        Path log = Files.createTempFile("catalog-child", ".log");
        log.toFile().deleteOnExit();
        return new ProcessBuilder(command).redirectError(log.toFile()).start();
    }
}
