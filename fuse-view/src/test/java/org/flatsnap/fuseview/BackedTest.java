package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Files of a store are read without their bytes being copied, holes included. */
final class BackedTest {

    private static final int MEBIBYTE = 1 << 20;

    @RegisterExtension
    private final MountedExample example = new MountedExample(MountOptions.named("flatsnap-test"), Duration.ofDays(1));

    private Path file;

    @BeforeEach
    void makeFile() throws IOException {
        file = example.beside("file");
        // Holes at the start, in the middle, and at the end.
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(64L * MEBIBYTE);
            for (int place : new int[] {3, 20, 21, 40}) {
                sparse.seek((long) place * MEBIBYTE);
                sparse.write(MemoryTree.noise(MEBIBYTE + 4321 * place));
            }
        }
        example.root().add("image", new BackedFile(file));
    }

    private Path image() {
        return example.path("image");
    }

    @Test
    void isReadInEveryWay() {
        Program.run("cmp", file, image()).quietly();
        Program.run("cmp", file, image()).quietly();
        for (String block :
                new String[] {"bs=1000003", "bs=4M", "bs=4096", "bs=1M iflag=direct", "bs=64k iflag=direct"}) {
            Program.run("sh", "-c", "dd if=\"$1\" status=none " + block + " | cmp - \"$2\"", "sh", image(), file)
                    .quietly();
        }
    }

    @Test
    void holesStayHoles() {
        Path copy = example.beside("copy");
        Program.run("cp", image(), copy).quietly();
        Program.run("cmp", file, copy).quietly();
        // Not exactly as many: file systems give some in advance.
        assertThat(blocks(copy)).isLessThan(blocks(file) + 2 * MEBIBYTE / 512);
        Program.run("tar", "-C", example.path(""), "-Scf", example.beside("archive"), "image")
                .quietly();
        assertThat(example.beside("archive").toFile().length()).isLessThan(6L * MEBIBYTE);
        assertThat(Program.run("du", "--block-size=512", image()).quietly().output())
                .startsWith(blocks(file) + "\t");
    }

    @Test
    void holesAreFoundWhereTheyAre() {
        String script = """
                for my $path (@ARGV) {
                    open my $file, "<", $path or die;
                    my ($at, @found) = (0);
                    while (defined(my $data = sysseek $file, $at, 3)) {
                        $at = sysseek $file, $data, 4;
                        push @found, ($data + 0) . "-" . $at;
                    }
                    print "@found ", $! + 0, "\n";
                }
                """;
        String[] lines = Program.run("perl", "-e", script, file, image())
                .quietly()
                .output()
                .split("\n");
        assertThat(lines[1]).isEqualTo(lines[0]).startsWith("3145728-");
        assertThat(Program.run("perl", "-e", script, example.path("hello.txt"))
                        .quietly()
                        .output())
                .isEqualTo("0-17 6\n");
    }

    /** libfuse would send the part it has got, which programs take for all there is. */
    @Test
    void fileThatEndsEarlyFailsTheCopy() throws IOException {
        Files.write(example.beside("short"), MemoryTree.noise(MEBIBYTE + 70_000));
        example.root().add("short", new BackedFile(example.beside("short"), 3L * MEBIBYTE));

        Program.run("cp", example.path("short"), example.beside("copy")).failing("Input/output error");
        Program.run("dd", "if=" + example.path("short"), "of=/dev/null", "bs=1M", "iflag=direct")
                .failing("Input/output error");
        // The pipe of the thread that met it is clean.
        Program.run("cmp", file, image()).quietly();
    }

    private static long blocks(Path path) {
        return Long.parseLong(
                Program.run("stat", "-c", "%b", path).quietly().output().strip());
    }
}
