package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.flatsnap.catalog.BlockFile.Durability;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is on the disk after a power cut is any mixture of old and new; these tests make such mixtures. */
class BlockFileTest {
    private static final int LENGTH = 40 * Block.PAYLOAD;

    private final Random random = new Random(11);
    private byte[] before;
    private byte[] after;

    // The file and its journal before and after the commit.
    private byte[] fileBefore;
    private byte[] fileAfter;
    private byte[] journal;

    private Path path;

    @BeforeEach
    void commitTwice(@TempDir Path directory) throws IOException {
        path = directory.resolve("blocks");
        before = new byte[LENGTH];
        random.nextBytes(before);
        after = Arrays.copyOf(before, 2 * LENGTH);
        try (BlockFile file = open()) {
            file.grow(LENGTH);
            file.write(0, before, 0, LENGTH);
            file.commit();
            fileBefore = Files.readAllBytes(path);
            file.grow(2 * LENGTH);
            for (int i = 0; i < 30; i++) {
                byte[] piece = new byte[1 + random.nextInt(9000)];
                random.nextBytes(piece);
                int offset = random.nextInt(2 * LENGTH - piece.length);
                System.arraycopy(piece, 0, after, offset, piece.length);
                file.write(offset, piece, 0, piece.length);
            }
            assertThat(contents(file)).isEqualTo(after);
            file.commit();
            assertThat(contents(file)).isEqualTo(after);
            fileAfter = Files.readAllBytes(path);
            journal = Files.readAllBytes(BlockFile.journalOf(path));
        }
    }

    @Test
    void whatWasCommittedIsThereWhenOpenedAgain() throws IOException {
        assertOpensAs(after);
    }

    @Test
    void whatWasNotCommittedIsNot() throws IOException {
        try (BlockFile file = open()) {
            file.write(17, new byte[5000], 0, 5000);
        }
        assertOpensAs(after);
    }

    @Test
    void aCommitThatReachedTheJournalIsFinishedHoweverMuchOfItReachedTheFile() throws IOException {
        for (int i = 0; i < 50; i++) {
            writeMixture();
            Files.write(BlockFile.journalOf(path), journal);

            assertOpensAs(after);
        }
    }

    @Test
    void aCommitThatDidNotReachTheJournalWhollyIsForgotten() throws IOException {
        for (int i = 0; i < 50; i++) {
            byte[] torn = i % 2 == 0 ? Arrays.copyOf(journal, random.nextInt(journal.length)) : flipped(journal);
            Files.write(path, fileBefore);
            Files.write(BlockFile.journalOf(path), torn);

            assertOpensAs(before);
        }
    }

    @Test
    void theJournalOfAnotherFileIsIgnored(@TempDir Path directory) throws IOException {
        Path other = directory.resolve("other");
        try (BlockFile file = BlockFile.open(other, Durability.EACH_COMMIT)) {
            file.grow(1);
            file.commit();
        }
        Files.write(BlockFile.journalOf(other), journal);
        try (BlockFile file = BlockFile.open(other, Durability.EACH_COMMIT)) {
            assertThat(contents(file)).containsOnly(0);
        }
    }

    @Test
    void anyFlippedBitIsFound() throws IOException {
        Files.delete(BlockFile.journalOf(path));
        for (int i = 0; i < 200; i++) {
            byte[] damaged = fileAfter.clone();
            // What stands between the superblock and the first block means nothing.
            int at =
                    i < 50 ? random.nextInt(Superblock.SIZE) : Block.SIZE + random.nextInt(damaged.length - Block.SIZE);
            damaged[at] ^= (byte) (1 << random.nextInt(8));
            Files.write(path, damaged);

            assertDamaged();
        }
    }

    @Test
    void blocksThatChangedPlacesAreFound() throws IOException {
        Files.delete(BlockFile.journalOf(path));
        byte[] swapped = fileAfter.clone();
        System.arraycopy(fileAfter, Block.SIZE, swapped, 2 * Block.SIZE, Block.SIZE);
        Files.write(path, swapped);
        assertDamaged();
    }

    @Test
    void aBlockOfAnEarlierCommitIsFound() throws IOException {
        Files.delete(BlockFile.journalOf(path));
        int changed = Block.SIZE;
        while (Arrays.equals(fileBefore, changed, changed + Block.SIZE, fileAfter, changed, changed + Block.SIZE)) {
            changed += Block.SIZE;
        }
        byte[] stale = fileAfter.clone();
        System.arraycopy(fileBefore, changed, stale, changed, Block.SIZE);
        Files.write(path, stale);
        assertDamaged();
    }

    @Test
    void aBlockThatGoesBackToAnEarlierCommitWhileItIsOpenIsFound() throws IOException {
        Files.write(path, fileBefore);
        Files.write(BlockFile.journalOf(path), journal);
        try (BlockFile file = open()) {
            try (var channel = Files.newByteChannel(path, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap(fileBefore, Block.SIZE, fileBefore.length - Block.SIZE)
                        .slice());
            }
            assertThatThrownBy(() -> contents(file)).isInstanceOf(Damage.class);
        }
    }

    @Test
    void aFileCutOffIsFound() throws IOException {
        Files.delete(BlockFile.journalOf(path));
        Files.write(path, Arrays.copyOf(fileAfter, fileAfter.length - 1));
        assertDamaged();
    }

    @Test
    void damageFarBehindIsFoundByTheCheckThatFollowsOpening(@TempDir Path directory) throws IOException {
        Path large = directory.resolve("large");
        int blocks = BlockFile.CHECKED_AT_OPEN + 3000;
        try (BlockFile file = BlockFile.open(large, Durability.ON_CLOSE)) {
            file.grow((long) blocks * Block.PAYLOAD);
        }
        assertThat(firstDamage(large, blocks)).isEmpty();
        long at = Files.size(large) - 5000;
        try (var channel = Files.newByteChannel(large, StandardOpenOption.WRITE)) {
            channel.position(at).write(ByteBuffer.wrap(new byte[] {1}));
        }
        assertThat(firstDamage(large, blocks)).isPresent();
    }

    private static Optional<Damage> firstDamage(Path large, int blocks) throws IOException {
        // Opening alone does not meet it.
        try (BlockFile file = BlockFile.open(large, Durability.EACH_COMMIT)) {
            Optional<Long> next = Optional.of((long) BlockFile.CHECKED_AT_OPEN);
            for (int i = 0; next.isPresent() && i < blocks; i++) {
                try {
                    next = file.check(next.get(), 100);
                } catch (Damage e) {
                    return Optional.of(e);
                }
            }
            assertThat(next).isEmpty();
            return Optional.empty();
        }
    }

    private void writeMixture() throws IOException {
        byte[] mixture = random.nextBoolean() ? fileAfter.clone() : Arrays.copyOf(fileBefore, fileAfter.length);
        for (int at = 0; at < fileBefore.length; at += Block.SIZE) {
            byte[] source = random.nextBoolean() ? fileBefore : fileAfter;
            System.arraycopy(source, at, mixture, at, Block.SIZE);
        }
        int length = random.nextBoolean() ? mixture.length : fileBefore.length;
        Files.write(path, Arrays.copyOf(mixture, length));
    }

    private byte[] flipped(byte[] bytes) {
        byte[] flipped = bytes.clone();
        flipped[random.nextInt(flipped.length)] ^= (byte) (1 << random.nextInt(8));
        return flipped;
    }

    private void assertOpensAs(byte[] expected) throws IOException {
        try (BlockFile file = open()) {
            assertThat(Arrays.equals(contents(file), expected)).isTrue();
        }
    }

    private void assertDamaged() {
        assertThatThrownBy(() -> open().close()).isInstanceOf(Damage.class);
    }

    private BlockFile open() throws IOException {
        return BlockFile.open(path, Durability.EACH_COMMIT);
    }

    private static byte[] contents(BlockFile file) {
        byte[] contents = new byte[(int) file.length()];
        file.read(0, contents, 0, contents.length);
        return contents;
    }
}
