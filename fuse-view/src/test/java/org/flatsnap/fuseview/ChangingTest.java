package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The tree changes while programs look. */
final class ChangingTest {

    private static final int FIRST_PART = 1000;

    @RegisterExtension
    private final MountedExample example = new MountedExample();

    @Test
    void whatIsAddedIsSeenAtOnce() throws IOException {
        Path file = example.path("docs/new.txt");
        assertThat(file).doesNotExist();

        docs().add("new.txt", new MemoryFile("new\n"));

        assertThat(Files.readString(file)).isEqualTo("new\n");
        assertThat(Program.run("ls", example.path("docs")).quietly().output()).isEqualTo("guide.txt\nnew.txt\n");
    }

    @Test
    void whatIsRemovedIsGoneAtOnce() throws IOException {
        Path file = example.path("docs/guide.txt");
        assertThat(Files.readString(file)).isEqualTo("Read me\n");

        docs().remove("guide.txt");

        assertThatThrownBy(() -> Files.readString(file)).isInstanceOf(NoSuchFileException.class);
        assertThat(Program.run("ls", example.path("docs")).quietly().output()).isEmpty();
    }

    @Test
    void replacedFileIsReadAnew() throws IOException {
        Path file = example.path("hello.txt");
        assertThat(Files.readString(file)).isEqualTo("Hello, flatsnap!\n");

        example.root().add("hello.txt", new MemoryFile("Bye!\n"));

        assertThat(Files.readString(file)).isEqualTo("Bye!\n");
    }

    @Test
    void linkLeadsElsewhereAtOnce() throws IOException {
        String[] target = {"docs"};
        example.root().add("moving", new SymbolicLink() {
            private final Attributes attributes = InodeNumbers.attributes(InodeNumbers.next(), 0777, 4);

            @Override
            public String target() {
                return target[0];
            }

            @Override
            public Attributes attributes() {
                return attributes;
            }
        });
        assertThat(Files.readSymbolicLink(example.path("moving"))).hasToString("docs");
        target[0] = "empty";

        assertThat(Files.readSymbolicLink(example.path("moving"))).hasToString("empty");
    }

    @Test
    void fileBecomesDirectory() throws IOException {
        Files.readString(example.path("hello.txt"));

        example.root().add("hello.txt", new MemoryDirectory());

        Program.run("ls", example.path("hello.txt") + "/").quietly();
    }

    @Test
    void openFileIsReadableAfterItsRemoval() throws IOException {
        try (InputStream stream = Files.newInputStream(example.path("big.bin"))) {
            byte[] first = stream.readNBytes(FIRST_PART);
            example.root().remove("big.bin");

            byte[] rest = stream.readAllBytes();

            assertThat(first).isEqualTo(Arrays.copyOf(MemoryTree.BIG, FIRST_PART));
            assertThat(rest).isEqualTo(Arrays.copyOfRange(MemoryTree.BIG, FIRST_PART, MemoryTree.BIG.length));
        }
    }

    @Test
    void openFileKeepsItsContentWhenAnotherTakesItsName() throws IOException {
        byte[] other = MemoryTree.noise(70_000);
        try (FileChannel old = FileChannel.open(example.path("big.bin"))) {
            ByteBuffer content = ByteBuffer.allocate(MemoryTree.BIG.length);
            old.read(content.limit(FIRST_PART));
            example.root().add("big.bin", new MemoryFile(other));
            assertThat(Files.readAllBytes(example.path("big.bin"))).isEqualTo(other);

            content.limit(content.capacity());
            while (content.hasRemaining() && old.read(content) > 0) {
                assertThat(old.size()).isEqualTo(MemoryTree.BIG.length);
            }

            assertThat(content.array()).isEqualTo(MemoryTree.BIG);
        }
        assertThat(Files.readAllBytes(example.path("big.bin"))).isEqualTo(other);
    }

    @Test
    void hundredThousandEntriesAreListedCompletely() {
        MemoryDirectory large = new MemoryDirectory();
        int count = 100_000;
        IntStream.range(0, count).forEach(i -> large.add("snapshot-" + i, new MemoryFile("")));
        example.root().add("large", large);

        assertThat(Program.run("ls", "-f", example.path("large"))
                        .quietly()
                        .output()
                        .lines())
                .hasSize(count + 2)
                .doesNotHaveDuplicates();
        assertThat(Program.run("find", example.path("large"), "-mindepth", "1", "-size", "0", "-printf", "x")
                        .quietly()
                        .output())
                .hasSize(count);
    }

    private MemoryDirectory docs() {
        return (MemoryDirectory) example.root().child("docs").orElseThrow();
    }
}
