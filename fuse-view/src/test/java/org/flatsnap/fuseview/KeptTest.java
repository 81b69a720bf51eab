package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The kernel keeps what it has seen, and is told what has changed. */
final class KeptTest {

    private static final long PATIENCE_SECONDS = 30;

    @RegisterExtension
    private final MountedExample example = new MountedExample(MountOptions.named("flatsnap-test"), Duration.ofDays(1));

    @Test
    void whatWasSeenIsNotAskedForAgain() {
        String first = list();
        int asked = docs().asked();
        assertThat(asked).isPositive();

        assertThat(list()).isEqualTo(first);

        assertThat(docs().asked()).isEqualTo(asked);
    }

    @Test
    void whatIsAddedIsSeenWhenItWasTold() throws Exception {
        list();
        docs().add("new.txt", new MemoryFile("new\n"));
        tell(example.mounted().nodeChanged(inode(docs())));

        assertThat(Program.run("ls", example.path("docs")).quietly().output()).isEqualTo("guide.txt\nnew.txt\n");
        assertThat(Files.readString(example.path("docs/new.txt"))).isEqualTo("new\n");
    }

    @Test
    void whatWasMissingIsAskedForEachTime() throws Exception {
        assertThat(example.path("docs/new.txt")).doesNotExist();
        docs().add("new.txt", new MemoryFile("new\n"));

        assertThat(Files.readString(example.path("docs/new.txt"))).isEqualTo("new\n");
    }

    @Test
    void whatIsRemovedIsGoneWhenItWasTold() throws Exception {
        list();
        docs().remove("guide.txt");
        assertThat(example.path("docs/guide.txt")).exists();
        tell(example.mounted().entryChanged(inode(docs()), "guide.txt"));

        assertThatThrownBy(() -> Files.readString(example.path("docs/guide.txt")))
                .isInstanceOf(NoSuchFileException.class);
        assertThat(Program.run("ls", example.path("docs")).quietly().output()).isEmpty();
    }

    /** Nobody has looked for the name, so the kernel knows it from the listing alone. */
    @Test
    void whatWasOnlyListedIsGoneToo() throws Exception {
        assertThat(Program.run("ls", "-f", example.path("docs")).quietly().output())
                .contains("guide.txt");
        docs().remove("guide.txt");
        tell(example.mounted().entryChanged(inode(docs()), "guide.txt"));

        assertThat(Program.run("ls", example.path("docs")).quietly().output()).isEmpty();
    }

    @Test
    void everythingIsLookedAtAgain() throws Exception {
        list();
        Process inside = new ProcessBuilder("sh", "-c", "read line; pwd -P")
                .directory(example.path("docs").toFile())
                .start();
        MemoryDirectory names = (MemoryDirectory) example.root().child("names").orElseThrow();
        names.remove("Grüße");
        names.add("файл", new MemoryFile("another"));
        names.add("new", new MemoryFile("new"));
        example.root().remove("private");
        docs().add("new.txt", new MemoryFile("new\n"));
        tell(example.mounted().everythingChanged());

        assertThat(example.path("private")).doesNotExist();
        assertThat(example.path("names/Grüße")).doesNotExist();
        assertThat(example.path("names/файл")).hasContent("another");
        assertThat(Program.run("ls", example.path("names")).quietly().output()).contains("new");
        assertThat(Program.run("ls", example.path("docs")).quietly().output()).isEqualTo("guide.txt\nnew.txt\n");
        try (PrintWriter input = new PrintWriter(inside.outputWriter())) {
            input.println();
        }
        assertThat(inside.inputReader().readLine())
                .as("the path of who stands in a directory that stayed")
                .isEqualTo(example.path("docs").toString());
    }

    @Test
    void whatIsNotKeptIsAskedForEachTime() throws Exception {
        MemoryDirectory results = new MemoryDirectory();
        example.root().add("results", new Directory() {
            @Override
            public boolean isKept() {
                return false;
            }

            @Override
            public Attributes attributes() {
                return results.attributes();
            }

            @Override
            public java.util.Optional<Node> child(String name) {
                return results.child(name);
            }

            @Override
            public void forEachEntry(Consumer<DirectoryEntry> consumer) throws IOException {
                results.forEachEntry(consumer);
            }
        });
        results.add("one", new MemoryFile("1"));
        assertThat(Program.run("ls", example.path("results")).quietly().output())
                .isEqualTo("one\n");
        results.add("two", new MemoryFile("2"));
        assertThat(Program.run("ls", example.path("results")).quietly().output())
                .isEqualTo("one\ntwo\n");
    }

    /** A listing from before the change must not stay for those who come after it. */
    @Test
    void listingUnderWayIsNotKept() throws Exception {
        CountDownLatch listing = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        SlowDirectory slow = new SlowDirectory(listing, goOn);
        example.root().add("slow", slow);
        Process reader = new ProcessBuilder("ls", example.path("slow").toString()).start();
        assertThat(listing.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        slow.entries.add("new", new MemoryFile(""));
        var told = example.mounted().nodeChanged(inode(slow.entries));
        assertThat(told).isNotDone();

        goOn.countDown();

        tell(told);
        assertThat(Program.run("ls", example.path("slow")).quietly().output()).isEqualTo("new\n");
        reader.waitFor();
    }

    /** readdir(3), telldir(3) and seekdir(3) of one open directory, while others list and change it. */
    @Test
    void placesInADirectoryStayRight() throws Exception {
        MemoryDirectory large = new MemoryDirectory();
        example.root().add("large", large);
        IntStream.range(0, 2000).forEach(i -> large.add("stays" + i, new MemoryFile("")));
        IntStream.range(0, 2000).forEach(i -> large.add("goes" + i, new MemoryFile("")));
        String script = """
                $| = 1; opendir(my $d, $ARGV[0]) or die; my @seen;
                push @seen, scalar readdir $d for 1..1000;
                my $place = telldir $d; print "half\\n"; <STDIN>;
                seekdir $d, $place;
                while (defined(my $name = readdir $d)) { push @seen, $name }
                seekdir $d, $place;
                my @again; while (defined(my $name = readdir $d)) { push @again, $name }
                my %count; $count{$_}++ for @seen;
                print scalar(grep { /^stays/ } keys %count), " ", scalar(grep { $_ > 1 } values %count), " ",
                    join(",", sort grep { /^stays/ } @seen[1000..$#seen]) eq join(",", sort grep { /^stays/ } @again)
                        ? "same" : "other", "\\n";
                """;
        Process reader = new ProcessBuilder(
                        "perl", "-e", script, example.path("large").toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader output = reader.inputReader();
                PrintWriter input = new PrintWriter(reader.outputWriter(), true)) {
            assertThat(output.readLine()).isEqualTo("half");
            for (int i = 0; i < 2000; i++) {
                large.remove("goes" + i);
                large.add("comes" + i, new MemoryFile(""));
            }
            tell(example.mounted().nodeChanged(inode(large)));
            assertThat(Program.run("ls", "-f", example.path("large"))
                            .quietly()
                            .output()
                            .lines())
                    .hasSize(4002)
                    .doesNotHaveDuplicates();
            input.println();

            assertThat(output.readLine()).isEqualTo("2000 0 same");
        }
    }

    private String list() {
        return Program.run("find", example.path(""), "-printf", "%P %i %s\\0")
                .quietly()
                .output();
    }

    private MemoryDirectory docs() {
        return (MemoryDirectory) example.root().child("docs").orElseThrow();
    }

    private static long inode(Directory directory) throws IOException {
        return directory.attributes().inode();
    }

    private static void tell(java.util.concurrent.CompletableFuture<Void> told) throws Exception {
        told.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /** Takes its time between looking and answering. */
    private record SlowDirectory(CountDownLatch listing, CountDownLatch goOn, MemoryDirectory entries)
            implements Directory {

        SlowDirectory(CountDownLatch listing, CountDownLatch goOn) {
            this(listing, goOn, new MemoryDirectory());
        }

        @Override
        public Attributes attributes() {
            return entries.attributes();
        }

        @Override
        public java.util.Optional<Node> child(String name) {
            return entries.child(name);
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) throws IOException {
            entries.forEachEntry(consumer);
            listing.countDown();
            try {
                goOn.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }
    }
}
