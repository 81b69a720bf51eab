package org.flatsnap.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.manager.LibvirtManager;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess;
import org.flatsnap.testing.RunningGuest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** A real guest is frozen or paused by a process to which the worst happens, and which nobody starts again. It writes on. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WatchdogTest {
    /** Much longer than a guest that is let go on at once, under load, needs to be seen writing. */
    private static final Duration LONG = Duration.ofSeconds(50);

    private static final Duration SHORT = Duration.ofSeconds(3);

    private Bench bench;
    private RunningGuest guest;
    private Path directory;
    private GuestNotes notes;
    private final List<Process> started = new ArrayList<>();

    @BeforeAll
    void boot() throws IOException {
        bench = Bench.onXfs();
        guest = RunningGuest.boot(bench);
        // Its own engine is not wanted beside the daemon.
        bench.shut();
    }

    @AfterAll
    void close() throws IOException {
        bench.open();
        bench.close();
    }

    @BeforeEach
    void prepare() throws IOException {
        directory = Files.createTempDirectory("flatsnap-state-").resolve("guests");
        notes = new GuestNotes(directory);
    }

    @AfterEach
    void endAll() throws InterruptedException {
        for (Process process : started) {
            process.destroyForcibly().waitFor();
        }
        started.clear();
        guest.assertWriting();
        RunningGuest.await(
                Duration.ofSeconds(60),
                "the watchdog to be certain",
                () -> notes.open(Kind.FREEZE).isEmpty()
                        && notes.open(Kind.PAUSE).isEmpty());
        Commands.run("rm", "-r", directory.getParent().toString());
    }

    private VmId id() {
        return new VmId(guest.domain().uuid());
    }

    /** The process that dies. */
    private final class Victim {
        private final Process process;
        private final BufferedReader answers;

        Victim(Duration patience) throws IOException {
            process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-XX:TieredStopAtLevel=1",
                            "-XX:+UseSerialGC",
                            "-cp",
                            System.getProperty("java.class.path"),
                            StandForever.class.getName(),
                            Bench.URI,
                            directory.toString(),
                            guest.domain().uuid(),
                            String.valueOf(patience.toMillis()))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            started.add(process);
            answers = process.inputReader();
        }

        void say(String line) throws IOException {
            process.outputWriter().write(line + "\n");
            process.outputWriter().flush();
        }

        void hold(Consistency level) throws IOException {
            say(level.name());
            assertThat(answers.readLine()).isEqualTo("stands");
        }

        Quiescence letGo() throws IOException {
            say("");
            return Json.COMPACT.fromJson(answers.readLine(), Quiescence.class);
        }

        ProcessHandle watchdog() {
            return process.children().findFirst().orElseThrow();
        }

        void signal(String name) {
            Commands.run("kill", "-" + name, String.valueOf(process.pid()));
        }
    }

    /** Two busy loops for each processor. */
    private void load() throws IOException {
        for (int i = 0; i < 2 * Runtime.getRuntime().availableProcessors(); i++) {
            started.add(new ProcessBuilder("sh", "-c", "while :; do :; done").start());
        }
    }

    private Duration timeUntilItWrites() {
        long begun = System.nanoTime();
        guest.assertWriting();
        return Duration.ofNanos(System.nanoTime() - begun);
    }

    @Test
    void killedInAFreezeOnABusyHostTheGuestGoesOnAtOnce() throws IOException {
        Victim victim = new Victim(LONG);
        victim.hold(Consistency.FILESYSTEM);
        load();

        victim.signal("KILL");

        assertThat(timeUntilItWrites()).isLessThan(LONG.minusSeconds(20));
    }

    @Test
    void killedInAPauseOnABusyHostTheGuestGoesOnAtOnce() throws IOException {
        Victim victim = new Victim(LONG);
        victim.hold(Consistency.CRASH);
        load();

        victim.signal("KILL");

        assertThat(timeUntilItWrites()).isLessThan(LONG.minusSeconds(20));
    }

    @Test
    void stoppedOnABusyHostTheGuestGoesOnAtTheDeadline() throws IOException {
        Victim victim = new Victim(SHORT);
        for (Consistency level : List.of(Consistency.FILESYSTEM, Consistency.CRASH)) {
            victim.hold(level);
            victim.signal("STOP");
            load();

            guest.assertWriting();

            victim.signal("CONT");
            Quiescence how = victim.letGo();
            assertThat(how.achieved()).isEqualTo(Consistency.CRASH);
            assertThat(how.torn()).isTrue();
        }
    }

    @Test
    void aWatchdogThatDiesIsReplacedWhichLetsTheGuestGoOn() throws IOException {
        Victim victim = new Victim(LONG);
        for (Consistency level : List.of(Consistency.FILESYSTEM, Consistency.CRASH)) {
            victim.hold(level);

            assertThat(victim.watchdog().destroyForcibly()).isTrue();

            assertThat(timeUntilItWrites()).isLessThan(LONG.minusSeconds(20));
            assertThat(victim.letGo().torn()).isTrue();
        }

        victim.hold(Consistency.FILESYSTEM);
        assertThat(victim.letGo().achieved()).isEqualTo(Consistency.FILESYSTEM);
    }

    @Test
    void aWatchdogThatHangsIsReplacedBeforeTheGuestIsTouched() throws IOException {
        Victim victim = new Victim(LONG);
        victim.hold(Consistency.FILESYSTEM);
        assertThat(victim.letGo().achieved()).isEqualTo(Consistency.FILESYSTEM);
        ProcessHandle hanging = victim.watchdog();
        Commands.run("kill", "-STOP", String.valueOf(hanging.pid()));

        victim.hold(Consistency.FILESYSTEM);

        assertThat(victim.watchdog()).isNotEqualTo(hanging);
        assertThat(victim.letGo().achieved()).isEqualTo(Consistency.FILESYSTEM);
    }

    @Test
    void aFreezeThatTakesEffectAfterItsAskerDiedIsThawed() throws IOException {
        guest.exec("kill -STOP $(pidof qemu-ga); sleep 10; kill -CONT $(pidof qemu-ga)");
        Victim victim = new Victim(SHORT);
        victim.say(Consistency.FILESYSTEM.name());
        RunningGuest.await(Duration.ofSeconds(30), "the freeze", () -> notes.contains(id(), Kind.FREEZE));

        // The level falls to crash once the agent has not answered, so the freeze is certainly on its way.
        assertThat(victim.answers.readLine()).isEqualTo("stands");
        victim.signal("KILL");

        RunningGuest.await(Duration.ofSeconds(60), "the thaw to be certain", () -> !notes.contains(id(), Kind.FREEZE));
        guest.awaitWriting();
    }

    @Test
    void aDaemonThatIsKilledInATakeLeavesTheGuestRunning() throws IOException {
        try (DaemonProcess daemon = DaemonProcess.on(bench.store())) {
            daemon.start();
            Path guests = daemon.state().resolve("guests");
            for (String level : List.of("filesystem", "crash")) {
                CompletableFuture<Void> take = CompletableFuture.runAsync(
                        () -> daemon.flatsnap("take", guest.domain().name(), level, "--consistency", level));
                while (noted(guests).isEmpty()) {
                    assertThat(take).isNotDone();
                }
                daemon.kill();

                guest.assertWriting();
                RunningGuest.await(Duration.ofSeconds(60), "the watchdog to be certain", () -> noted(guests)
                        .isEmpty());
                take.join();
                daemon.start();
            }
        }
    }

    private static Set<VmId> noted(Path guests) {
        try {
            GuestNotes notes = new GuestNotes(guests);
            Set<VmId> noted = new HashSet<>(notes.open(Kind.FREEZE));
            noted.addAll(notes.open(Kind.PAUSE));
            return noted;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void whereNobodyWatchesNothingIsFrozenOrPaused() {
        Libvirt libvirt = new Libvirt(Bench.URI);
        Vm vm = new LibvirtManager(libvirt, Bench.URI).find(id()).orElseThrow();
        try (Quiescer quiescer = new Quiescer(libvirt, notes, new WatchdogProcess(List.of("false")), SHORT)) {
            quiescer.recover();
            for (Consistency level : List.of(Consistency.FILESYSTEM, Consistency.CRASH)) {
                Quiescence how = quiescer.during(vm, level, true, false, guest::assertWriting);
                assertThat(how.achieved()).isEqualTo(Consistency.CRASH);
                assertThat(how.torn()).isTrue();
                assertThat(how.note()).contains("the watchdog ended");
                assertThatThrownBy(() -> quiescer.during(vm, level, true, true, () -> {}))
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining("the watchdog ended");
            }
            assertThat(quiescer.unconfirmed()).isEmpty();
        }
    }

    /** A state directory that is unmounted must not be made anew below its mount point. */
    @Test
    void whereTheNotesAreGoneItEndsAndMakesNothing() throws IOException, InterruptedException {
        Path gone = directory.resolveSibling("unmounted").resolve("guests");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Watchdog.class.getName(),
                        Bench.URI,
                        gone.toString(),
                        "1000")
                .redirectErrorStream(true)
                .start();
        started.add(process);
        assertThat(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .contains(gone + " is gone");
        assertThat(process.waitFor()).isEqualTo(1);
        assertThat(gone.getParent()).doesNotExist();
    }
}
