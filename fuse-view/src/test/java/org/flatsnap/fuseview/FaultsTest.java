package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.flatsnap.fuseview.FaultyNode.FaultyDirectory;
import org.flatsnap.fuseview.FaultyNode.FaultyFile;
import org.flatsnap.fuseview.FaultyNode.FaultyLink;
import org.flatsnap.fuseview.FaultyNode.Place;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;

/** Whatever a tree throws, the program that asked learns of it, and the rest of the tree stays usable. */
final class FaultsTest {

    @RegisterExtension
    private final MountedExample example = new MountedExample();

    private final Logger logger = (Logger) LoggerFactory.getLogger(Responder.class);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();

    @BeforeEach
    void collectLog() {
        log.start();
        logger.setAdditive(false);
        logger.addAppender(log);
    }

    @AfterEach
    void restReadableAndLogBack() throws IOException {
        logger.detachAppender(log);
        logger.setAdditive(true);
        assertThat(Files.readString(example.path("hello.txt"))).isEqualTo("Hello, flatsnap!\n");
        Program.run("ls", "-l", example.path("docs")).quietly();
    }

    private enum Thrown {
        RUNTIME_EXCEPTION(() -> new IllegalStateException("injected")),
        ERROR(() -> new StackOverflowError("injected")),
        IO_EXCEPTION(() -> new IOException("injected"));

        private final Supplier<Throwable> supplier;

        Thrown(Supplier<Throwable> supplier) {
            this.supplier = supplier;
        }
    }

    private static Stream<Arguments> everyThrowable(Place... places) {
        return Stream.of(Thrown.values())
                .flatMap(thrown -> Stream.of(places).map(place -> Arguments.of(place, thrown)));
    }

    private static Stream<Arguments> copyFaults() {
        return everyThrowable(
                Place.ATTRIBUTES,
                Place.SOURCE,
                Place.GATE,
                Place.OPEN,
                Place.REPLACED,
                Place.OPEN_ATTRIBUTES,
                Place.READ_AT_ONCE,
                Place.READ_HALF_WAY);
    }

    @ParameterizedTest
    @MethodSource("copyFaults")
    void copyFails(Place place, Thrown thrown) {
        example.root().add("faulty", new FaultyFile(place, thrown.supplier));

        Program.run("cp", example.path("faulty"), example.beside("copy")).failing("Input/output error");
        Program.run("cat", example.path("faulty")).failing("Input/output error");
        // tar takes what the kernel could read before the fault for all there is, but says so.
        Program.run("tar", "-cf", example.beside("archive"), example.path("faulty"))
                .failing("/faulty: ");

        assertLogged(List.of(Place.ATTRIBUTES, Place.SOURCE, Place.GATE).contains(place) ? "/" : "/faulty");
    }

    /** The kernel asks again for single pages, which are copied and need none. */
    @ParameterizedTest
    @EnumSource(Thrown.class)
    void failureToGiveADescriptorShortensNoCopy(Thrown thrown) throws IOException {
        example.root().add("faulty", new FaultyFile(Place.DESCRIPTOR, thrown.supplier));
        Path copy = example.beside("copy");

        Program.run("cp", example.path("faulty"), copy).quietly();

        assertThat(copy).hasBinaryContent(new byte[FaultyFile.SIZE]);
        assertLogged("/faulty");
    }

    @Test
    void copyFailsWhenTheContentEndsEarly() {
        example.root().add("short", new FaultyFile(Place.READ_ENDS_EARLY, AssertionError::new));

        Program.run("cp", example.path("short"), example.beside("copy")).failing("Input/output error");

        assertThat(log.list)
                .anySatisfy(event ->
                        assertThat(event.getThrowableProxy().getMessage()).contains("/short", "of 3000000 bytes"));
    }

    @ParameterizedTest
    @EnumSource(Thrown.class)
    void failureToCloseHarmsNoCopy(Thrown thrown) {
        example.root().add("faulty", new FaultyFile(Place.CLOSE, thrown.supplier));

        Program.run("cp", example.path("faulty"), example.beside("copy")).quietly();

        assertThat(example.beside("copy")).hasSize(FaultyFile.SIZE);
    }

    private static Stream<Arguments> listingFaults() {
        return everyThrowable(Place.LISTING_AT_ONCE, Place.LISTING_HALF_WAY);
    }

    @ParameterizedTest
    @MethodSource("listingFaults")
    void listingFails(Place place, Thrown thrown) {
        example.root().add("faulty", new FaultyDirectory(place, thrown.supplier));

        assertThat(Program.run("ls", example.path("faulty"))
                        .failing("Input/output error")
                        .output())
                .isEmpty();
        assertThat(Program.run("find", example.path("faulty"), "-mindepth", "1")
                        .failing("Input/output error")
                        .output())
                .isEmpty();
        Program.run("cp", "-r", example.path("faulty"), example.beside("copy")).failing("Input/output error");

        assertLogged("/faulty");
    }

    private static Stream<Arguments> lookUpFaults() {
        return everyThrowable(Place.ATTRIBUTES, Place.SOURCE, Place.GATE, Place.CHILD);
    }

    @ParameterizedTest
    @MethodSource("lookUpFaults")
    void lookUpFails(Place place, Thrown thrown) {
        example.root().add("faulty", new FaultyDirectory(place, thrown.supplier));

        Program.run("ls", "-l", example.path("faulty")).failing("Input/output error");
        Program.run("cat", example.path("faulty/file1")).failing("Input/output error");
    }

    private static Stream<Arguments> linkFaults() {
        return everyThrowable(Place.ATTRIBUTES, Place.SOURCE, Place.GATE, Place.TARGET);
    }

    @ParameterizedTest
    @MethodSource("linkFaults")
    void linkFails(Place place, Thrown thrown) {
        example.root().add("faulty", new FaultyLink(place, thrown.supplier));

        Program.run("cat", example.path("faulty")).failing("Input/output error");
        Program.run("cp", "-P", example.path("faulty"), example.beside("copy")).failing("Input/output error");
    }

    @ParameterizedTest
    @EnumSource(Thrown.class)
    void roomIsNotTold(Thrown thrown) {
        example.tree().room(() -> {
            FaultyNode.Fault.<RuntimeException>throwUnchecked(thrown.supplier.get());
            return Capacity.NONE;
        });

        Program.run("df", example.path("")).failing("Input/output error");
        Program.run("find", example.path("")).quietly();
    }

    @Test
    void wholeTreeIsListedAroundOneFault() {
        example.root().add("faulty", new FaultyDirectory(Place.LISTING_HALF_WAY, () -> new IOException("injected")));

        assertThat(Program.run("find", example.path(""), "-name", "*.txt", "-printf", "%f\n")
                        .failing("Input/output error")
                        .output()
                        .lines())
                .containsExactlyInAnyOrder("hello.txt", "guide.txt", "secret.txt");
    }

    @Test
    void exceptionsOfTheJdkKeepTheirMeaning() {
        example.root().add("gone", new FaultyFile(Place.OPEN, () -> new NoSuchFileException("gone")));
        example.root().add("denied", new FaultyFile(Place.OPEN, () -> new AccessDeniedException("denied")));

        Program.run("cat", example.path("gone")).failing("No such file or directory");
        Program.run("cat", example.path("denied")).failing("Permission denied");

        assertThat(log.list).noneSatisfy(event -> assertThat(event.getLevel()).isEqualTo(Level.ERROR));
    }

    @Test
    void entryThatCannotBeNamedFailsTheListing() {
        MemoryDirectory directory = new MemoryDirectory();
        directory.add("x".repeat(256), new MemoryFile(""));
        example.root().add("faulty", directory);

        Program.run("ls", example.path("faulty")).failing("Input/output error");

        directory.remove("x".repeat(256));
        directory.add("half a pair \uD800", new MemoryFile(""));
        Program.run("ls", example.path("faulty")).failing("Input/output error");
    }

    private void assertLogged(String subject) {
        assertThat(log.list).isNotEmpty().allSatisfy(event -> {
            assertThat(event.getLevel()).isEqualTo(Level.ERROR);
            assertThat(event.getThrowableProxy().getMessage()).isEqualTo("injected");
            assertThat(event.getFormattedMessage()).contains(subject + " failed");
        });
    }
}
