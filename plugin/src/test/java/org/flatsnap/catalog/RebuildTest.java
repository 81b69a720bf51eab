package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.catalog.CatalogAssertions.assertHoldsExactly;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RebuildTest {
    @TempDir
    private Path directory;

    private Path file;

    @BeforeEach
    void nameTheFile() {
        file = directory.resolve("catalog.db");
    }

    @Test
    void aNewCatalogAsksToBeFilledUntilItIs() {
        Catalog.open(file).close();
        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isTrue();
            catalog.replaceAll(List.<Snapshot>of().iterator());
            assertThat(catalog.needsRebuild()).isFalse();
        }
        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isFalse();
        }
    }

    @Test
    void afterARebuildItHoldsExactlyWhatStorageHoldsAndTheResultsStay() {
        List<Snapshot> onStorage = new Fleet(1, 7).snapshots(1000);
        OperationId operation = OperationId.random();
        try (Catalog catalog = Catalog.open(file)) {
            catalog.recordOperation(operation, "{}", Snapshots.NOON);
            catalog.put(Snapshots.sample("no longer on storage"));
            catalog.put(onStorage.get(0).with(new Fleet(2, 1).labels()));

            catalog.replaceAll(onStorage.iterator());

            assertHoldsExactly(catalog, onStorage);
            assertThat(catalog.operationResult(operation)).contains("{}");
        }
        try (Catalog catalog = Catalog.open(file)) {
            assertHoldsExactly(catalog, onStorage);
            assertThat(catalog.operationResult(operation)).contains("{}");
        }
        assertThat(directory).isDirectoryNotContaining("glob:**.rebuilding*");
    }

    @Test
    void whatHappensDuringARebuildCountsMoreThanWhatStorageLookedLikeBefore() {
        List<Snapshot> onStorage = new Fleet(1, 3).snapshots(500);
        Snapshot relabelled = onStorage.get(450).with(new Fleet(2, 1).labels());
        Snapshot deleted = onStorage.get(451);
        Snapshot added = Snapshots.sample("taken meanwhile");
        OperationId operation = OperationId.random();
        try (Catalog catalog = Catalog.open(file)) {
            catalog.replaceAll(onStorage.iterator());

            catalog.replaceAll(during(onStorage, 420, () -> {
                catalog.put(relabelled);
                catalog.remove(deleted.id());
                catalog.put(added);
                catalog.recordOperation(operation, "{}", Snapshots.NOON);
            }));

            List<Snapshot> expected = new ArrayList<>(onStorage);
            expected.set(450, relabelled);
            expected.remove(deleted);
            expected.add(added);
            assertHoldsExactly(catalog, expected);
            assertThat(catalog.operationResult(operation)).contains("{}");
        }
    }

    @Test
    void readersSeeTheOldCatalogUntilTheNewOneIsWhole() {
        List<Snapshot> before = new Fleet(1, 3).snapshots(50);
        List<Snapshot> after = new Fleet(3, 3).snapshots(500);
        try (Catalog catalog = Catalog.open(file)) {
            catalog.replaceAll(before.iterator());
            catalog.replaceAll(during(after, 450, () -> assertHoldsExactly(catalog, before)));
            assertHoldsExactly(catalog, after);
        }
    }

    @Test
    void aRebuildThatFailsChangesNothing() {
        List<Snapshot> before = new Fleet(1, 3).snapshots(50);
        List<Snapshot> after = new Fleet(3, 3).snapshots(500);
        UncheckedIOException storageIsGone = new UncheckedIOException(new IOException("Stale file handle"));
        try (Catalog catalog = Catalog.open(file)) {
            catalog.replaceAll(before.iterator());

            assertThatThrownBy(() -> catalog.replaceAll(during(after, 450, () -> {
                        throw storageIsGone;
                    })))
                    .isSameAs(storageIsGone);

            assertHoldsExactly(catalog, before);
            assertThat(directory).isDirectoryNotContaining("glob:**.rebuilding*");
            catalog.replaceAll(after.iterator());
            assertHoldsExactly(catalog, after);
        }
    }

    @Test
    void onlyOneRebuildRunsAtATime() {
        List<Snapshot> onStorage = new Fleet(1, 3).snapshots(10);
        try (Catalog catalog = Catalog.open(file)) {
            catalog.replaceAll(
                    during(onStorage, 5, () -> assertThatThrownBy(() -> catalog.replaceAll(onStorage.iterator()))
                            .isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.code())
                                    .isEqualTo(Problem.Code.BUSY))));
            assertHoldsExactly(catalog, onStorage);
        }
    }

    @Test
    void closingDuringARebuildLeavesTheOldCatalog() {
        List<Snapshot> before = new Fleet(1, 3).snapshots(50);
        List<Snapshot> after = new Fleet(3, 3).snapshots(500);
        Catalog catalog = Catalog.open(file);
        catalog.replaceAll(before.iterator());

        assertThatThrownBy(() -> catalog.replaceAll(during(after, 450, catalog::close)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("stopping");

        try (Catalog again = Catalog.open(file)) {
            assertThat(again.needsRebuild()).isFalse();
            assertHoldsExactly(again, before);
        }
    }

    @Test
    void deletingTheFileLosesNothingThatStorageHas() throws IOException {
        List<Snapshot> onStorage = new Fleet(1, 3).snapshots(50);
        try (Catalog catalog = Catalog.open(file)) {
            catalog.replaceAll(onStorage.iterator());
        }
        Files.delete(file);
        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isTrue();
            assertHoldsExactly(catalog, List.of());
            catalog.replaceAll(onStorage.iterator());
            assertHoldsExactly(catalog, onStorage);
        }
    }

    /** All of them, with something happening before one of them is handed out. */
    private static Iterator<Snapshot> during(List<Snapshot> snapshots, int at, Runnable event) {
        return IntStream.range(0, snapshots.size())
                .mapToObj(number -> {
                    if (number == at) {
                        event.run();
                    }
                    return snapshots.get(number);
                })
                .iterator();
    }
}
