package org.flatsnap.catalog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChangeLogTest {
    private static final UUID FILE = UUID.randomUUID();

    private Path path;

    @BeforeEach
    void append(@TempDir Path directory) throws IOException {
        path = directory.resolve("log");
        try (ChangeLog log = new ChangeLog(path, FILE, 7)) {
            log.append(bytes("one", "two"));
            log.append(bytes(""));
            log.append(bytes("three"));
        }
    }

    @Test
    void whatWasAppendedIsReadInOrderAndMoreComesBehindIt() throws IOException {
        try (ChangeLog log = new ChangeLog(path, FILE, 7)) {
            assertThat(log.read()).map(ChangeLogTest::text).containsExactly("one", "two", "", "three");
            log.append(bytes("four"));
        }
        assertThat(read(FILE, 7)).containsExactly("one", "two", "", "three", "four");
    }

    @Test
    void whatFollowsAnotherCommitOrBelongsToAnotherFileCountsNothing() throws IOException {
        assertThat(read(FILE, 8)).isEmpty();
        assertThat(read(UUID.randomUUID(), 7)).isEmpty();
    }

    @Test
    void behindACommitTheLogBeginsAnew() throws IOException {
        try (ChangeLog log = new ChangeLog(path, FILE, 7)) {
            log.read();
            log.restart(8);
            // As long as the first was, so that the second one of before stands where it could be read on.
            log.append(bytes("eno", "owt"));
        }
        assertThat(read(FILE, 8)).containsExactly("eno", "owt");
        assertThat(read(FILE, 7)).isEmpty();
    }

    @Test
    void aGroupThatIsCutOffOrDamagedEndsTheLog() throws IOException {
        byte[] whole = Files.readAllBytes(path);
        for (int length = 0; length < whole.length; length++) {
            Files.write(path, Arrays.copyOf(whole, length));
            assertThat(read(FILE, 7)).isIn(List.of(), List.of("one", "two"), List.of("one", "two", ""));
        }
        for (int bit = 0; bit < whole.length * Byte.SIZE; bit++) {
            byte[] flipped = whole.clone();
            flipped[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
            Files.write(path, flipped);
            assertThat(read(FILE, 7)).isIn(List.of(), List.of("one", "two"), List.of("one", "two", ""));
        }
    }

    private List<String> read(UUID identity, long sequence) throws IOException {
        try (ChangeLog log = new ChangeLog(path, identity, sequence)) {
            return log.read().stream().map(ChangeLogTest::text).toList();
        }
    }

    private static List<byte[]> bytes(String... changes) {
        return Arrays.stream(changes).map(change -> change.getBytes(UTF_8)).toList();
    }

    private static String text(byte[] change) {
        return new String(change, UTF_8);
    }
}
