package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.catalog.CatalogAssertions.assertHoldsExactly;
import static org.flatsnap.catalog.CatalogAssertions.between;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.PropertyDefaults;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;
import org.flatsnap.testing.Mutations;

/** Whatever becomes of the catalog's file, it gives what was put into it, or says that it is to be made anew. */
// Each try opens catalogs, which costs much more than the other properties' tries.
@PropertyDefaults(tries = 25)
class DamagedFilePropertyTest {
    private static final List<Snapshot> BEFORE = new Fleet(9, 3).snapshots(24);
    private static final OperationId OPERATION = OperationId.random();

    private static Path directory;
    private static Path file;
    private static List<Snapshot> after;
    private static byte[] early;
    private static byte[] late;
    private static byte[] journal;

    @BeforeContainer
    static void fill() throws IOException {
        // In memory: what is durable is not asked here.
        directory = Files.createTempDirectory(Path.of("/dev/shm"), "flatsnap-damaged-");
        file = directory.resolve("catalog.db");
        try (Catalog catalog = Catalog.open(file)) {
            catalog.replaceAll(BEFORE.iterator());
            catalog.recordOperation(OPERATION, "answer", Snapshots.NOON);
        }
        early = Files.readAllBytes(file);
        after = new ArrayList<>(BEFORE);
        try (Catalog catalog = Catalog.open(file)) {
            Fleet labels = new Fleet(3, 5);
            for (int i = 0; i < 24; i += 3) {
                after.set(i, BEFORE.get(i).with(labels.labels()));
                catalog.put(after.get(i));
            }
        }
        late = Files.readAllBytes(file);
        journal = Files.readAllBytes(BlockFile.journalOf(file));
    }

    @AfterContainer
    static void remove() throws IOException {
        try (var files = Files.list(directory)) {
            for (Path old : files.toList()) {
                Files.delete(old);
            }
        }
        Files.delete(directory);
    }

    @Provide
    Arbitrary<Mutations> mutations() {
        return Mutations.some();
    }

    /** Which whole blocks went wrong, and how. */
    @Provide
    Arbitrary<Integer> kinds() {
        return Arbitraries.integers().between(0, 3);
    }

    /** What a catalog that was closed leaves, but for this. */
    private static void put(byte[] changedFile, byte[] changedJournal) throws IOException {
        Files.write(file, changedFile);
        Files.write(BlockFile.journalOf(file), changedJournal);
        Files.deleteIfExists(Database.logOf(file));
    }

    @Property
    void bytesThatChangedBeforeTheStart(@ForAll("mutations") Mutations mutations) throws IOException {
        put(mutations.apply(late), journal);
        rightOrAnew();
    }

    @Property
    void aJournalThatChanged(@ForAll("mutations") Mutations mutations) throws IOException {
        put(late, mutations.apply(journal));
        try (Catalog catalog = Catalog.open(file)) {
            assertThat(catalog.needsRebuild()).isFalse();
            assertHoldsExactly(catalog, after);
        }
    }

    @Property
    void wholeBlocksInWrongPlacesOrOfAnEarlierTime(@ForAll("kinds") int kind, @ForAll Random random)
            throws IOException {
        put(wrongBlocks(kind, random), new byte[0]);
        rightOrAnew();
    }

    private static byte[] wrongBlocks(int kind, Random random) {
        byte[] wrong = late.clone();
        int blocks = Math.min(early.length, late.length) / Block.SIZE;
        int one = random.nextInt(blocks);
        int other = random.nextInt(blocks);
        switch (kind) {
            case 0 -> System.arraycopy(late, one * Block.SIZE, wrong, other * Block.SIZE, Block.SIZE);
            case 1 -> System.arraycopy(early, one * Block.SIZE, wrong, one * Block.SIZE, Block.SIZE);
            case 2 -> {
                for (int i = 0; i < blocks; i++) {
                    if (random.nextBoolean()) {
                        System.arraycopy(early, i * Block.SIZE, wrong, i * Block.SIZE, Block.SIZE);
                    }
                }
            }
            default -> {
                System.arraycopy(late, one * Block.SIZE, wrong, other * Block.SIZE, Block.SIZE);
                System.arraycopy(late, other * Block.SIZE, wrong, one * Block.SIZE, Block.SIZE);
            }
        }
        return wrong;
    }

    private static void rightOrAnew() throws IOException {
        try (Catalog catalog = Catalog.open(file)) {
            if (catalog.needsRebuild()) {
                assertHoldsExactly(catalog, List.of());
                catalog.replaceAll(after.iterator());
            } else {
                assertThat(catalog.operationResult(OPERATION)).contains("answer");
            }
            assertHoldsExactly(catalog, after);
        }
    }

    /** Under an open catalog, whose next reads come from the file. */
    @Property
    void bytesThatChangeUnderARunningCatalog(
            @ForAll("mutations") Mutations mutations, @ForAll("kinds") int kind, @ForAll Random random)
            throws IOException {
        put(late, journal);
        try (Catalog catalog = Catalog.open(file)) {
            byte[] wrong = random.nextBoolean() ? mutations.apply(late) : wrongBlocks(kind, random);
            try (SeekableByteChannel channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap(wrong));
                channel.truncate(wrong.length);
            }
            boolean damaged = false;
            for (Snapshot snapshot : after) {
                damaged |= rightOrTold(catalog, snapshot);
            }
            assertThat(catalog.needsRebuild()).isEqualTo(damaged);
            catalog.replaceAll(after.iterator());
            assertHoldsExactly(catalog, after);
            assertThat(catalog.needsRebuild()).isFalse();
        }
    }

    private static boolean rightOrTold(Catalog catalog, Snapshot snapshot) {
        boolean told = false;
        for (int way = 0; way < 4; way++) {
            try {
                switch (way) {
                    case 0 -> assertThat(catalog.find(snapshot.id())).contains(snapshot);
                    case 1 ->
                        assertThat(catalog.find(snapshot.vm(), snapshot.name())).contains(snapshot);
                    case 2 ->
                        assertThat(catalog.findByOperation(snapshot.operation()))
                                .contains(snapshot);
                    default ->
                        assertThat(between(
                                        catalog,
                                        snapshot.vm(),
                                        snapshot.takenAt(),
                                        snapshot.takenAt().plusNanos(1)))
                                .contains(snapshot);
                }
            } catch (Problem problem) {
                assertThat(problem.code()).isEqualTo(Problem.Code.UNAVAILABLE);
                told = true;
            }
        }
        return told;
    }
}
