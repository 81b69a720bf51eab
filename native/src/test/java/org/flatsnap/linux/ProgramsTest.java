package org.flatsnap.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ProgramsTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @Test
    void argumentsArriveAsTheyAreAndBothStreamsComeBack(@TempDir Path directory) throws Exception {
        Path program = script(directory, "printf '%s|' \"$@\"; echo complaint >&2; exit 3");

        Programs.Ended ended = Programs.run(List.of(program.toString(), "a b", "$(reboot)", "'; x", "*"), LONG);

        assertThat(ended).isEqualTo(new Programs.Ended(3, "a b|$(reboot)|'; x|*|", "complaint\n"));
    }

    @Test
    void anArgumentArrivesWholeOrNotAtAll() throws Exception {
        List<String> command = List.of("printf", "%s", "Größe 移行");

        if (System.getProperty("sun.jnu.encoding").equals("UTF-8")) {
            assertThat(Programs.run(command, LONG).output()).isEqualTo("Größe 移行");
        } else {
            assertThatThrownBy(() -> Programs.run(command, LONG))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("character set");
        }
    }

    @Test
    void theEnvironmentIsTheRunnersOwn() throws Exception {
        assertThat(Programs.run(List.of("env"), LONG).output().lines())
                .containsExactlyInAnyOrder(
                        "LC_ALL=C", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        assertThat(Programs.run(List.of("cat"), LONG)).isEqualTo(new Programs.Ended(0, "", ""));
    }

    @Test
    void largeOutputOnBothStreamsDoesNotStopTheProgram(@TempDir Path directory) throws Exception {
        Path program = script(directory, "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; exit 0");

        Programs.Ended ended = Programs.run(List.of(program.toString()), LONG);

        assertThat(ended.exitCode()).isZero();
        assertThat(ended.output()).hasSize(3000000);
        assertThat(ended.errors()).hasSize(64 << 10);
    }

    @Test
    void linesComeWhileTheProgramRuns(@TempDir Path directory) throws Exception {
        Path go = directory.resolve("go");
        Path program = script(directory, "echo first; while ! test -e " + go + "; do sleep 0.05; done; echo second");
        List<String> lines = new ArrayList<>();

        Programs.Ended ended = Programs.run(List.of(program.toString()), LONG, line -> {
            lines.add(line);
            if (line.equals("first")) {
                create(go);
            }
        });

        assertThat(lines).containsExactly("first", "second");
        assertThat(ended.output()).isEmpty();
    }

    @Test
    void atTheTimeLimitTheProgramAndItsChildrenAreKilled(@TempDir Path directory) throws Exception {
        Path pids = directory.resolve("pids");
        Path program = script(directory, "sleep 1000 & echo $$ $! >" + pids + "; wait");

        assertThatThrownBy(() -> Programs.run(List.of(program.toString()), Duration.ofSeconds(1)))
                .isInstanceOf(ProgramTimeoutException.class)
                .hasMessageContaining(program.toString())
                .hasMessageContaining("1000 ms");

        for (String pid : Files.readString(pids).strip().split(" ")) {
            assertThat(endsSoon(Long.parseLong(pid))).isTrue();
        }
    }

    @Test
    void anInterruptKillsTheProgram(@TempDir Path directory) throws Exception {
        Path pid = directory.resolve("pid");
        Path program = script(directory, "echo $$ >" + pid + "; echo started; exec sleep 1000");
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        CountDownLatch started = new CountDownLatch(1);
        Thread thread = new Thread(() -> {
            try {
                Programs.run(List.of(program.toString()), LONG, line -> started.countDown());
            } catch (Exception e) {
                thrown.set(e);
            }
        });
        thread.start();
        started.await();
        thread.interrupt();
        thread.join();

        assertThat(thrown.get()).isInstanceOf(InterruptedIOException.class);
        assertThat(endsSoon(Long.parseLong(Files.readString(pid).strip()))).isTrue();
    }

    @Test
    void whatTheReaderOfLinesThrowsIsThrownAndKillsTheProgram(@TempDir Path directory) throws Exception {
        Path program = script(directory, "echo $$; exec sleep 1000");
        AtomicReference<String> pid = new AtomicReference<>();

        assertThatThrownBy(() -> Programs.run(List.of(program.toString()), LONG, line -> {
                    pid.set(line);
                    throw new IllegalStateException("enough");
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("enough");
        assertThat(endsSoon(Long.parseLong(pid.get()))).isTrue();
    }

    @Test
    void aMissingProgramIsNamed() {
        assertThatThrownBy(() -> Programs.run(List.of("no-such-program"), LONG))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("no-such-program")
                .hasMessageContaining("/usr/sbin");
    }

    private static Path script(Path directory, String text) throws Exception {
        Path file = Files.writeString(directory.resolve("program"), "#!/bin/sh\n" + text + "\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    }

    private static void create(Path file) {
        try {
            Files.createFile(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean endsSoon(long pid) throws InterruptedException {
        for (int look = 0; look < 100; look++) {
            if (ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty()) {
                return true;
            }
            Thread.sleep(50);
        }
        return false;
    }
}
