package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.catalog.CatalogAssertions.assertHoldsExactly;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DamageTest {
    private final List<Snapshot> snapshots = new Fleet(9, 5).snapshots(200);
    private Path file;
    private byte[] intact;

    @BeforeEach
    void fill(@TempDir Path directory) throws IOException {
        file = directory.resolve("catalog.db");
        try (Catalog catalog = Catalog.open(file)) {
            catalog.replaceAll(snapshots.iterator());
        }
        intact = Files.readAllBytes(file);
    }

    @Test
    void aFileThatIsNoCatalogIsSetAsideAndANewOneBegun() throws IOException {
        for (byte[] content : List.of("not a catalog".getBytes(StandardCharsets.UTF_8), new byte[100_000])) {
            Files.write(file, content);
            assertBegunAnew(content);
        }
    }

    @Test
    void aCatalogOfAnotherVersionIsSetAsideAndANewOneBegun() throws IOException {
        byte[] newer = intact.clone();
        newer[Long.BYTES + Integer.BYTES - 1]++;
        Files.write(file, newer);

        assertBegunAnew(newer);
    }

    @Test
    void whereverABitFlipsTheFileIsSetAside() throws IOException {
        Random random = new Random(3);
        for (int i = 0; i < 25; i++) {
            byte[] damaged = intact.clone();
            damaged[Block.SIZE + random.nextInt(intact.length - Block.SIZE)] ^= (byte) (1 << random.nextInt(8));
            Files.write(file, damaged);

            assertBegunAnew(damaged);
        }
    }

    @Test
    void anEmptyFileIsANewCatalog() throws IOException {
        Files.write(file, new byte[0]);
        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isTrue();
            assertHoldsExactly(catalog, List.of());
        }
        assertThat(setAside()).isEmpty();
    }

    @Test
    void damageUnderARunningCatalogIsToldAndHealedByARebuild() throws IOException {
        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isFalse();
            damageEveryBlock();

            int told = 0;
            for (Snapshot snapshot : snapshots) {
                try {
                    assertThat(catalog.find(snapshot.id())).contains(snapshot);
                } catch (Problem problem) {
                    told++;
                    assertThat(problem.code()).isEqualTo(Problem.Code.UNAVAILABLE);
                    assertThat(problem.remedy()).contains("flatsnap catalog rebuild");
                }
            }
            assertThat(told).isPositive();
            assertThat(catalog.needsRebuild()).isTrue();

            catalog.replaceAll(snapshots.iterator());
            assertHoldsExactly(catalog, snapshots);
            assertThat(catalog.needsRebuild()).isFalse();
        }
        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isFalse();
            assertHoldsExactly(catalog, snapshots);
        }
    }

    @Test
    void aPutIntoADamagedCatalogIsToldAndItIsSetAsideAtTheNextStart() throws IOException {
        try (Catalog catalog = Catalog.open(file)) {
            damageEveryBlock();
            assertThatThrownBy(() -> new Fleet(10, 5).snapshots(500).forEach(catalog::put))
                    .isInstanceOfSatisfying(
                            Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.UNAVAILABLE));
        }
        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isTrue();
        }
    }

    private void damageEveryBlock() throws IOException {
        byte[] damaged = intact.clone();
        for (int block = Block.SIZE; block < damaged.length; block += Block.SIZE) {
            damaged[block + 100] ^= 1;
        }
        // Written in place, into the file that the catalog has open.
        try (var channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(damaged));
        }
    }

    private void assertBegunAnew(byte[] damaged) throws IOException {
        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isTrue();
            assertHoldsExactly(catalog, List.of());
        }
        List<Path> aside = setAside();
        assertThat(aside).hasSize(1);
        assertThat(Files.readAllBytes(aside.get(0))).isEqualTo(damaged);
        Files.delete(aside.get(0));
    }

    private List<Path> setAside() throws IOException {
        try (Stream<Path> files = Files.list(file.getParent())) {
            return files.filter(found -> found.getFileName().toString().startsWith("catalog.db.damaged-"))
                    .toList();
        }
    }
}
