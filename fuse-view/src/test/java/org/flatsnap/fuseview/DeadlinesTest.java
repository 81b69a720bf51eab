package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.slf4j.LoggerFactory;

/** A store that hangs costs those who need it an error in time, and nobody else anything. */
final class DeadlinesTest {

    private static final int THREADS = 8;
    private static final Duration DEADLINE = Duration.ofSeconds(1);

    @RegisterExtension
    private final MountedExample example = new MountedExample(
            MountOptions.named("flatsnap-test").withThreads(THREADS).withDeadline(DEADLINE), Duration.ZERO);

    private final CountDownLatch store = new CountDownLatch(1);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final List<Logger> loggers =
            List.of((Logger) LoggerFactory.getLogger(Deadlines.class), (Logger) LoggerFactory.getLogger(Gates.class));

    @BeforeEach
    void hang() {
        log.start();
        loggers.forEach(logger -> logger.addAppender(log));
        IntStream.range(0, 4 * THREADS)
                .forEach(i -> example.root().add("hanging" + i, new HangingFile(store, Optional.of("the store"))));
    }

    @AfterEach
    void release() {
        store.countDown();
        loggers.forEach(logger -> logger.detachAppender(log));
    }

    @Test
    void readerOfAHungStoreGetsAnErrorAndALogLine() {
        Program.run("cat", example.path("hanging0")).failing("Input/output error");

        assertThat(log.list)
                .extracting(ILoggingEvent::getFormattedMessage)
                .anySatisfy(
                        line -> assertThat(line).contains("read /hanging0 has not ended within 1.0 s, answered EIO"))
                .anySatisfy(line -> assertThat(line).contains("the store does not answer"));
    }

    @Test
    void restOfTheTreeStaysLive() throws Exception {
        ExecutorService programs = Executors.newCachedThreadPool();
        try {
            List<Future<Program>> hung = new ArrayList<>();
            for (int i = 0; i < 4 * THREADS; i++) {
                Object path = example.path("hanging" + i);
                hung.add(programs.submit(() -> Program.run("cat", path)));
            }
            // All of them before any deadline: half of the threads are left for others.
            long before = System.nanoTime();
            assertThat(Files.readAllBytes(example.path("big.bin"))).isEqualTo(MemoryTree.BIG);
            Program.run("ls", "-lR", example.path("docs")).quietly();
            for (Future<Program> program : hung) {
                program.get(30, TimeUnit.SECONDS).failing("Input/output error");
            }
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(20));

            assertThat(Files.readAllBytes(example.path("big.bin"))).isEqualTo(MemoryTree.BIG);
        } finally {
            programs.shutdown();
        }
    }

    @Test
    void storeThatAnswersAgainIsReadAgain() throws Exception {
        Program.run("cat", example.path("hanging0")).failing("Input/output error");
        // At once, while the first still hangs.
        Program.run("cat", example.path("hanging1")).failing("Input/output error");

        store.countDown();

        for (int i = 0; i < 500 && log.list.stream().noneMatch(DeadlinesTest::answersAgain); i++) {
            Thread.sleep(10);
        }
        assertThat(Files.readString(example.path("hanging0"))).isEqualTo("\0");
        assertThat(Files.readString(example.path("hanging1"))).isEqualTo("\0");
    }

    private static boolean answersAgain(ILoggingEvent event) {
        return event.getFormattedMessage().equals("the store answers again");
    }
}
