package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.temporal.ChronoField;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Ordinary programs read a mounted tree. */
final class ReadingTest {

    @RegisterExtension
    private final MountedExample example = new MountedExample();

    @Test
    void listsWhatIsThere() {
        assertThat(Program.run("ls", "-A", example.path("")).quietly().output().lines())
                .containsExactly("big.bin", "docs", "empty", "hello.txt", "latest", "names", "private");
        Program.run("ls", "-laR", example.path("")).quietly();
    }

    @Test
    void findsHiddenNames() throws IOException {
        assertThat(Files.readString(example.path(".versions/one.txt"))).isEqualTo("1\n");
    }

    @Test
    void findSeesTheKinds() {
        assertThat(Program.run("find", example.path(""), "-type", "d", "-printf", "%P\n")
                        .quietly()
                        .output()
                        .lines())
                .containsExactlyInAnyOrder("", "docs", "names", "private");
        assertThat(Program.run("find", example.path(""), "-type", "l", "-printf", "%P %l\n")
                        .quietly()
                        .output())
                .isEqualTo("latest docs/guide.txt\n");
        assertThat(Program.run("find", example.path(""), "-name", "*.txt", "-printf", "%P\n")
                        .quietly()
                        .output()
                        .lines())
                .containsExactlyInAnyOrder("hello.txt", "docs/guide.txt", "private/secret.txt");
    }

    @Test
    void inodeNumbersOfListingAndAttributesAgree() throws IOException {
        Stream<String> listed = Program.run("find", example.path(""), "-mindepth", "1", "-printf", "%i %P\\0")
                .quietly()
                .output()
                .transform(output -> Stream.of(output.split("\0")));
        listed.forEach(line -> {
            String[] parts = line.split(" ", 2);
            assertThat(inode(example.path(parts[1]))).as(parts[1]).isEqualTo(Long.parseLong(parts[0]));
        });
        assertThat(inode(example.path("docs")))
                .isEqualTo(
                        example.root().child("docs").orElseThrow().attributes().inode());
    }

    @Test
    void showsAttributesInFull() {
        assertThat(Program.run("stat", "-c", "%a %u %g %s %b %h %.9Y %.9Z %F", example.path("big.bin"))
                        .quietly()
                        .output())
                .isEqualTo("444 0 0 5243003 10241 1 1772600767.123456789 1775369228.987654321 regular file\n");
        assertThat(Program.run("stat", "-f", "-c", "%s %S %l", example.path(""))
                        .quietly()
                        .output())
                .isEqualTo("4096 4096 255\n");
        assertThat(Program.run("findmnt", "-n", "-o", "SOURCE,FSTYPE,OPTIONS", example.path(""))
                        .quietly()
                        .output()
                        .strip())
                .matches("flatsnap-test +fuse\\.flatsnap-test +ro,nosuid,nodev,.*default_permissions,allow_other.*");
    }

    @Test
    void addsUpStorage() {
        assertThat(Program.run("du", "-s", "--block-size=512", example.path("big.bin"))
                        .quietly()
                        .output())
                .startsWith("10241\t");
        assertThat(Program.run("du", "-sb", example.path("docs")).quietly().output())
                .startsWith("8\t");
    }

    @Test
    void copiesAreEqual() {
        Path copy = example.beside("copy");
        Program.run("cp", "-a", example.path(""), copy).quietly();
        Program.run("diff", "-r", "--no-dereference", example.path(""), copy).quietly();
        Program.run("cp", "--sparse=always", example.path("big.bin"), example.beside("sparse"))
                .quietly();
        Program.run("cmp", example.path("big.bin"), example.beside("sparse")).quietly();
        Program.run("cp", "--reflink=auto", example.path("big.bin"), example.beside("reflink"))
                .quietly();
        Program.run("cmp", example.path("big.bin"), example.beside("reflink")).quietly();
        Program.run("dd", "if=" + example.path("big.bin"), "of=" + example.beside("blocks"), "bs=4095", "status=none")
                .quietly();
        Program.run("cmp", example.path("big.bin"), example.beside("blocks")).quietly();
    }

    @Test
    void archivesAreEqual() throws IOException {
        Path archive = example.beside("all.tar");
        Program.run("tar", "-cf", archive, "-C", example.path(""), ".").quietly();
        Path unpacked = Files.createDirectory(example.beside("unpacked"));
        Program.run("tar", "-xpf", archive, "-C", unpacked).quietly();
        Program.run("diff", "-r", "--no-dereference", example.path(""), unpacked)
                .quietly();
        assertThat(Files.getLastModifiedTime(unpacked.resolve("hello.txt")).toInstant())
                .isEqualTo(FileTime.from(InodeNumbers.MODIFIED).toInstant().with(ChronoField.NANO_OF_SECOND, 0));
    }

    @Test
    void readsAtAnyPosition() throws IOException {
        try (SeekableByteChannel channel = Files.newByteChannel(example.path("big.bin"))) {
            for (int position : new int[] {4_999_999, 17, 5_243_002, 131_071, 0}) {
                ByteBuffer target = ByteBuffer.allocate(1);
                channel.position(position).read(target);
                assertThat(target.get(0)).isEqualTo(MemoryTree.BIG[position]);
            }
            channel.position(MemoryTree.BIG.length);
            assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(-1);
        }
        assertThat(Files.readAllBytes(example.path("big.bin"))).isEqualTo(MemoryTree.BIG);
        assertThat(Files.readAllBytes(example.path("empty"))).isEmpty();
    }

    @Test
    void manyProgramsReadAtOnce() throws Exception {
        example.root().add("other.bin", new MemoryFile(MemoryTree.noise(3_000_001)));
        ExecutorService readers = Executors.newFixedThreadPool(12);
        try {
            List<Callable<byte[]>> tasks = new ArrayList<>();
            for (int i = 0; i < 36; i++) {
                Path file = example.path(i % 2 == 0 ? "big.bin" : "other.bin");
                tasks.add(() -> Files.readAllBytes(file));
            }
            List<Future<byte[]>> contents = readers.invokeAll(tasks);
            for (int i = 0; i < contents.size(); i++) {
                assertThat(contents.get(i).get()).isEqualTo(i % 2 == 0 ? MemoryTree.BIG : MemoryTree.noise(3_000_001));
            }
        } finally {
            readers.shutdown();
        }
    }

    @Test
    void mappedReadingWorks() throws Exception {
        Path copy = example.beside("mapped");
        Process process =
                Program.java(MappedCopy.class, example.path("big.bin"), copy).start();
        assertThat(process.waitFor()).isZero();
        Program.run("cmp", example.path("big.bin"), copy).quietly();
    }

    @Test
    void followsLinks() throws IOException {
        assertThat(Files.readString(example.path("latest"))).isEqualTo("Read me\n");
        assertThat(Program.run("readlink", example.path("latest")).quietly().output())
                .isEqualTo("docs/guide.txt\n");
    }

    @Test
    void namesInAllScripts() {
        assertThat(Program.run("find", example.path("names"), "-type", "f", "-printf", "%f\\0")
                        .quietly()
                        .output()
                        .split("\0"))
                .containsExactlyInAnyOrder(MemoryTree.NAMES);
        assertThat(Program.run("find", example.path("names"), "-type", "f", "-exec", "cat", "{}", ";", "-printf", "\\0")
                        .quietly()
                        .output()
                        .split("\0"))
                .containsExactlyInAnyOrder(MemoryTree.NAMES);
    }

    @Test
    void bytesThatAreNotUtf8AreNoName() {
        example.root().add("\uFFFD", new MemoryFile("not this"));

        Program.run("sh", "-c", "cat \"$1\"/$(printf '\\377')", "sh", example.path(""))
                .failing("No such file or directory");
    }

    @Test
    void missingNamesAndWrongKinds() {
        assertThatThrownBy(() -> Files.readString(example.path("nothing"))).isInstanceOf(NoSuchFileException.class);
        assertThatThrownBy(() -> Files.readString(example.path("hello.txt/below")))
                .isInstanceOf(FileSystemException.class)
                .hasMessageContaining("Not a directory");
    }

    @Test
    void nothingCanBeChanged() {
        for (Program attempt : new Program[] {
            Program.run("touch", example.path("hello.txt")),
            Program.run("touch", example.path("new")),
            Program.run("rm", "-f", example.path("hello.txt")),
            Program.run("mkdir", example.path("new")),
            Program.run("mv", example.path("hello.txt"), example.path("bye.txt")),
            Program.run("ln", "-s", "x", example.path("link")),
            Program.run("chmod", "777", example.path("hello.txt")),
            Program.run("truncate", "-s", "0", example.path("hello.txt")),
            Program.run("dd", "if=/dev/zero", "of=" + example.path("hello.txt"), "count=1", "conv=notrunc"),
        }) {
            attempt.failing("Read-only file system");
        }
    }

    @Test
    void otherUsersSeeWhatPermissionsAllow() {
        Program.run(asNobody("cat", example.path("hello.txt"))).quietly();
        assertThat(Program.run(asNobody("ls", example.path(""))).quietly().output())
                .contains("private");
        Program.run(asNobody("ls", example.path("private"))).failing("Permission denied");
        Program.run(asNobody("cat", example.path("private/secret.txt"))).failing("Permission denied");
    }

    private static Object[] asNobody(String program, Path argument) {
        return new Object[] {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, argument};
    }

    private static long inode(Path path) {
        return Long.parseLong(
                Program.run("stat", "-c", "%i", path).quietly().output().strip());
    }
}
