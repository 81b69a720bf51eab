package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.VmId;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What host a tells and host b reads. */
class ChangeLogTest {
    private static final VmId VM = Snapshots.WEB01;

    @TempDir
    private Path changes;

    private Path file;
    private ChangeLog a;
    private ChangeLog b;
    private final ChangeReader reader = new ChangeReader();

    @BeforeEach
    void beginAtTheEnd() throws IOException {
        file = changes.resolve("a");
        a = new ChangeLog(file, 1000);
        b = new ChangeLog(changes.resolve("b"), 1000);
        assertThat(a.announce()).isTrue();
        assertThat(b.announce()).isTrue();
        assertThat(read()).isEqualTo(new Changes(true, Map.of()));
        assertThat(read()).isEqualTo(Changes.NONE);
    }

    private Changes read() throws IOException {
        return reader.read(b.others());
    }

    private static SnapshotId id(int number) {
        return SnapshotId.of(Instant.EPOCH, number);
    }

    private void append(String text) throws IOException {
        Files.writeString(file, text, StandardOpenOption.APPEND);
    }

    @Test
    void whatOneHostDidTheOtherReadsOnce() throws IOException {
        a.add(VM, id(1));
        a.add(VM, id(2));
        a.add(VM, id(1));
        assertThat(read()).isEqualTo(new Changes(false, Map.of(id(1), VM, id(2), VM)));
        assertThat(read()).isEqualTo(Changes.NONE);
    }

    @Test
    void aHostAloneWritesNothing() throws IOException {
        Files.delete(changes.resolve("b"));
        String before = Files.readString(file);
        a.add(VM, id(1));
        assertThat(file).hasContent(before.strip());
    }

    @Test
    void aDaemonThatStartsMayHaveDiedBetweenAChangeAndItsLine() throws IOException {
        assertThat(a.announce()).isFalse();
        assertThat(new ChangeLog(file, 1000).announce()).isTrue();
        assertThat(read().everything()).isTrue();
    }

    @Test
    void aHostThatComesIsReadFromItsFirstLine() throws IOException {
        ChangeLog c = new ChangeLog(changes.resolve("c"), 1000);
        c.announce();
        c.add(VM, id(1));
        assertThat(read()).isEqualTo(new Changes(true, Map.of(id(1), VM)));
    }

    @Test
    void halfALineIsLeftForTheNextTime() throws IOException {
        String line = ChangeLine.of(VM, id(1)).toString();
        append(line.substring(0, 20));
        assertThat(read()).isEqualTo(Changes.NONE);
        append(line.substring(20));
        assertThat(read()).isEqualTo(new Changes(false, Map.of(id(1), VM)));
    }

    @Test
    void aDamagedLineHasEverythingLookedAtAndHidesNoOther() throws IOException {
        for (String damaged : Set.of("{\"everything\":fa", "\0\0\0\0", "{}", "null", "", "{\"vm\":\"../x\"}")) {
            append(damaged + "\n");
            a.add(VM, id(1));
            assertThat(read()).as(damaged).isEqualTo(new Changes(true, Map.of(id(1), VM)));
            assertThat(read()).isEqualTo(Changes.NONE);
        }
    }

    @Test
    void bytesWithoutAnyLineDoNotFillTheMemory() throws IOException {
        append("x".repeat(3 << 20));
        for (int i = 0; i < 3; i++) {
            assertThat(read()).isEqualTo(new Changes(true, Map.of()));
        }
        assertThat(read()).isEqualTo(Changes.NONE);
    }

    @Test
    void theLogIsBoundedAndAReaderKnowsThatItBeganAnew() throws IOException {
        int anew = 0;
        for (int i = 0; i < 100; i++) {
            a.add(VM, id(i));
            Changes seen = read();
            assertThat(seen.snapshots()).containsKey(id(i));
            anew += seen.everything() ? 1 : 0;
            assertThat(Files.size(file)).isLessThan(1200);
        }
        assertThat(anew).isBetween(8, 20);
        assertThat(changes).isDirectoryNotContaining("glob:**.new");
    }

    @Test
    void aShorterLogIsAnotherOne() throws IOException {
        a.add(VM, id(1));
        read();
        Files.writeString(file, "", StandardOpenOption.TRUNCATE_EXISTING);
        assertThat(read()).isEqualTo(new Changes(true, Map.of()));
        a.add(VM, id(2));
        assertThat(read()).isEqualTo(new Changes(false, Map.of(id(2), VM)));
    }

    @Test
    void aLineThatCannotBeWrittenFailsNothing() throws IOException {
        ChangeLog c = new ChangeLog(Files.createDirectory(changes.resolve("c")), 1000);
        assertThat(c.announce()).isFalse();
        c.add(VM, id(1));
        assertThat(read()).isEqualTo(Changes.NONE);
        Files.delete(changes.resolve("c"));
        assertThat(c.announce()).isTrue();
        c.add(VM, id(2));
        assertThat(read()).isEqualTo(new Changes(true, Map.of(id(2), VM)));
    }
}
