package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A tree is mounted and unmounted under all circumstances. */
final class MountingTest {

    private static final MountOptions OPTIONS = MountOptions.named("flatsnap-test");

    private final List<MountedTree> mounts = new ArrayList<>();
    private final List<Process> processes = new ArrayList<>();
    private Path directory;
    private Path place;

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory("fuse-view").toRealPath();
        place = directory.resolve("mount");
    }

    @AfterEach
    void unmountAll() throws Exception {
        for (MountedTree mounted : mounts) {
            mounted.close();
        }
        for (Process process : processes) {
            process.destroyForcibly().waitFor();
        }
        while (new MountTable().at(place).isPresent()) {
            Program.run("umount", "-l", place).quietly();
        }
        Program.run("rm", "-r", "--one-file-system", directory).quietly();
    }

    private MountedTree mount(Path path) throws IOException {
        return mount(path, MemoryTree.example());
    }

    private MountedTree mount(Path path, Tree tree) throws IOException {
        MountedTree mounted = MountedTree.mount(path, tree, OPTIONS);
        mounts.add(mounted);
        return mounted;
    }

    /** Mounts in another process, with the environment given, and returns when the mount is there. */
    private Process mountElsewhere(String locale) throws IOException {
        ProcessBuilder builder = Program.java(MountingProgram.class, place);
        builder.environment().keySet().removeIf(name -> name.startsWith("LC_"));
        builder.environment().put("LANG", locale);
        Process process = builder.start();
        processes.add(process);
        assertThat(process.inputReader().readLine()).isEqualTo("mounted");
        return process;
    }

    @Test
    void mountsAndLeavesNothing() throws IOException {
        try (MountedTree mounted = MountedTree.mount(place, MemoryTree.example(), OPTIONS)) {
            assertThat(mounted.isMounted()).isTrue();
            assertThat(mounted.mountPoint()).isEqualTo(place);
            assertThat(Files.readString(place.resolve("hello.txt"))).startsWith("Hello");
            assertThat(threads()).isNotEmpty();
        }
        assertThat(place).isEmptyDirectory();
        assertThat(threads()).isEmpty();
        assertThat(openDevices()).isZero();
    }

    @Test
    void mountsAgainAndAgain() throws IOException {
        for (int i = 0; i < 20; i++) {
            MountedTree mounted = mount(place);
            assertThat(Files.readAllBytes(place.resolve("big.bin"))).isEqualTo(MemoryTree.BIG);
            mounted.close();
            mounted.close();
            assertThat(mounted.isMounted()).isFalse();
        }
        assertThat(threads()).isEmpty();
        assertThat(openDevices()).isZero();
    }

    @Test
    void oneThreadIsEnough() throws IOException {
        try (MountedTree mounted = MountedTree.mount(place, MemoryTree.example(), OPTIONS.withThreads(1))) {
            Program.run("cp", "-a", mounted.mountPoint(), directory.resolve("copy"))
                    .quietly();
        }
    }

    /** A thread gets its memory with its first request; here it fails for a number that is too large. */
    @Test
    void requestThatCannotBeTakenUpIsAnsweredAndTheMountEnds() throws IOException {
        MemoryTree tree = MemoryTree.example();
        tree.valid(Duration.ofSeconds(Long.MAX_VALUE));

        assertThatThrownBy(() -> mount(place, tree))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("cannot show its root")
                .rootCause()
                .hasMessageContaining("Input/output error");

        assertThat(new MountTable().at(place)).isEmpty();
        assertThat(threads()).isEmpty();
        assertThat(openDevices()).isZero();
    }

    @Test
    void refusesAPlaceWithoutParent() {
        assertRefused(directory.resolve("no/such"), "does not exist", "create " + directory.resolve("no"));
    }

    @Test
    void refusesAFile() throws IOException {
        Files.createFile(place);
        assertRefused(place, "is not a directory", "choose an empty or a new directory");
    }

    @Test
    void refusesALink() throws IOException {
        Files.createSymbolicLink(place, directory);
        assertRefused(place, "is a symbolic link to " + directory, "give the directory itself");
    }

    @Test
    void refusesAFullDirectory() throws IOException {
        Files.createDirectories(place.resolve("something"));
        assertRefused(place, "is not empty", "choose an empty or a new directory");
    }

    @Test
    void refusesALiveMount() throws IOException {
        mount(place);
        assertRefused(place, "flatsnap-test of type fuse.flatsnap-test", "umount " + place);
        assertThat(place.resolve("hello.txt")).exists();
    }

    @Test
    void refusesAMountOfAnotherKind() throws IOException {
        Files.createDirectory(place);
        Program.run("mount", "-t", "tmpfs", "tests", place).quietly();
        assertRefused(place, "tests of type tmpfs", "umount " + place);
        Program.run("umount", place).quietly();
    }

    @Test
    void namesWhatIsNotInstalled() {
        assertThatExceptionOfType(MountException.class)
                .isThrownBy(() -> LibFuse.load("libfuse-absent.so.2"))
                .withMessageContaining("libfuse-absent.so.2")
                .withMessageContaining("install libfuse2");
        assertThatExceptionOfType(MountException.class)
                .isThrownBy(() -> FuseSession.requireDevice(directory.resolve("fuse")))
                .withMessageContaining(directory.resolve("fuse") + " does not exist")
                .withMessageContaining("modprobe fuse");
    }

    @Test
    void rootWithoutAttributesIsNotMounted() {
        Directory root = new FaultyNode.FaultyDirectory(FaultyNode.Place.ATTRIBUTES, () -> new IOException("no root"));
        assertThatThrownBy(() -> mount(place, () -> root))
                .isInstanceOf(IOException.class)
                .hasMessage("no root");
        assertThat(place).doesNotExist();
    }

    @Test
    void takesAwayTheStaleMountOfAKilledProcess() throws Exception {
        Process process = mountElsewhere("C.UTF-8");
        // What the kernel keeps of the root outlives the process.
        Program.run("stat", place).quietly();
        process.destroyForcibly().waitFor();
        Program.run("stat", place).quietly();
        Program.run("ls", place).failing("Transport endpoint is not connected");

        mount(place);

        assertThat(Files.readString(place.resolve("hello.txt"))).startsWith("Hello");
    }

    @Test
    void namesNeedNoLocale() throws IOException {
        mountElsewhere("C");

        assertThat(Program.run(
                                "find",
                                place.resolve("names"),
                                "-type",
                                "f",
                                "-printf",
                                "%f\\0",
                                "-exec",
                                "cat",
                                "{}",
                                ";")
                        .quietly()
                        .output())
                .contains(List.of(MemoryTree.NAMES).stream()
                        .map(name -> name + '\0' + name)
                        .toList());
    }

    @Test
    void closesWithAFileOpen() throws IOException {
        MountedTree mounted = mount(place);
        InputStream stream = Files.newInputStream(place.resolve("big.bin"));
        assertThat(stream.read()).isEqualTo(MemoryTree.BIG[0] & 0xFF);

        mounted.close();

        assertThat(place).isEmptyDirectory();
        assertThat(threads()).isEmpty();
        assertThatThrownBy(() -> stream.skipNBytes(4_000_000)).hasMessageContaining("not connected");
        assertThatThrownBy(stream::close).hasMessageContaining("not connected");
    }

    @Test
    void closesWithAProgramInside() throws Exception {
        MountedTree mounted = mount(place);
        Process inside = new ProcessBuilder("sleep", "60")
                .directory(place.resolve("docs").toFile())
                .start();
        processes.add(inside);

        mounted.close();

        assertThat(place).isEmptyDirectory();
        assertThat(threads()).isEmpty();
    }

    @Test
    void noticesAnUnmountFromOutside() throws Exception {
        MountedTree mounted = mount(place);

        Program.run("umount", place).quietly();

        for (int i = 0; i < 100 && mounted.isMounted(); i++) {
            Thread.sleep(50);
        }
        assertThat(mounted.isMounted()).isFalse();
        MountedTree next = mount(place);
        mounted.close();
        assertThat(next.isMounted()).isTrue();
        assertThat(place.resolve("hello.txt")).exists();
    }

    @Test
    void hangingReadBlocksNothingElse() throws Exception {
        CountDownLatch store = new CountDownLatch(1);
        MemoryTree tree = MemoryTree.example();
        tree.root().add("hanging", new HangingFile(store, Optional.empty()));
        MountedTree mounted = mount(place, tree);
        Future<byte[]> hanging = ForkJoinPool.commonPool().submit(() -> Files.readAllBytes(place.resolve("hanging")));
        try {
            assertThat(Files.readAllBytes(place.resolve("big.bin"))).isEqualTo(MemoryTree.BIG);
            Program.run("ls", "-lR", place).quietly();
            assertThat(hanging.isDone()).isFalse();
        } finally {
            store.countDown();
        }
        assertThat(hanging.get(10, TimeUnit.SECONDS)).containsExactly(0);
        mounted.close();
    }

    @Test
    void closesWhileAReadHangs() throws Exception {
        CountDownLatch store = new CountDownLatch(1);
        MemoryTree tree = MemoryTree.example();
        tree.root().add("hanging", new HangingFile(store, Optional.empty()));
        MountedTree mounted = mount(place, tree);
        Future<byte[]> hanging = ForkJoinPool.commonPool().submit(() -> Files.readAllBytes(place.resolve("hanging")));
        while (store.getCount() > 0 && threads().stream().noneMatch(MountingTest::waitsForStore)) {
            Thread.sleep(10);
        }
        try {
            mounted.close();
            assertThat(place).isEmptyDirectory();
            assertThatThrownBy(() -> hanging.get(10, TimeUnit.SECONDS)).hasRootCauseInstanceOf(IOException.class);
        } finally {
            store.countDown();
        }
        for (int i = 0; i < 100 && !threads().isEmpty(); i++) {
            Thread.sleep(50);
        }
        assertThat(threads()).isEmpty();
        assertThat(openDevices()).isZero();
    }

    private void assertRefused(Path path, String problem, String remedy) {
        assertThatExceptionOfType(MountException.class)
                .isThrownBy(() -> mount(path))
                .satisfies(e -> {
                    assertThat(e.problem()).contains(path.toString()).contains(problem);
                    assertThat(e.remedy()).contains(remedy);
                    assertThat(e).hasMessage(e.problem() + "; " + e.remedy());
                });
    }

    private static List<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith(OPTIONS.name()))
                .toList();
    }

    private static boolean waitsForStore(Thread thread) {
        for (StackTraceElement element : thread.getStackTrace()) {
            if (element.getClassName().equals(HangingFile.class.getName())) {
                return true;
            }
        }
        return false;
    }

    private static long openDevices() throws IOException {
        return Program.run("ls", "-l", "/proc/" + ProcessHandle.current().pid() + "/fd")
                .output()
                .lines()
                .filter(line -> line.endsWith("/dev/fuse"))
                .count();
    }
}
