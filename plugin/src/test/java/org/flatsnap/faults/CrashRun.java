package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.testing.RunningGuest.virsh;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.flatsnap.faults.Control.Fault;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess.Answer;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.RunningGuest;

/** Lets the daemon of a {@link World} die and fail, and checks what is found afterwards. Used by one thread. */
final class CrashRun {
    // EIO, EMFILE, ENOSPC, EROFS: errno.h
    private static final int[] ERRNOS = {5, 24, 28, 30};
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    /** Its process's steps: the daemon has none of these classes' at work. */
    private static final Pattern WATCHDOG = Pattern.compile("^hypervisor/(Watchdog|Watcher)\\.");

    private final World world;
    private final Control control;
    private final Tally tally;
    private final String scope;
    private final List<? extends Deed> deeds;
    private final int share;
    private final Random random;

    /**
     * @param scope what other runs with the same tally and scope have done or are about to do is left to them
     * @param share one in how many deaths happens, chosen by chance; errors are injected with all of them only
     */
    CrashRun(World world, List<? extends Deed> deeds, Tally tally, String scope, int share, Random random) {
        this.share = share;
        this.random = random;
        this.world = world;
        this.control = world.control();
        this.tally = tally;
        this.scope = scope;
        this.deeds = deeds;
    }

    /** What all runs together have seen; safe for use by several threads. */
    static final class Tally {
        private final Set<String> planned = new HashSet<>();
        private final Set<String> killedAt = new TreeSet<>();
        private final Set<String> failedAt = new TreeSet<>();
        private final List<AssertionError> violations = new ArrayList<>();
        private int kills;
        private int survived;
        private int errors;

        /** Whether nobody had this in mind before. */
        synchronized boolean plan(String what) {
            return planned.add(what);
        }

        synchronized void killed(int site) {
            kills++;
            killedAt.add(name(site));
        }

        synchronized void failed(int site) {
            errors++;
            failedAt.add(name(site));
        }

        synchronized void failed(String what) {
            errors++;
        }

        synchronized void violated(AssertionError violation) {
            violations.add(violation);
        }

        synchronized void survived() {
            survived++;
        }

        /** How many accidents left nothing that is not as it must be. */
        synchronized int accidentsSurvived() {
            return survived;
        }

        synchronized int kills() {
            return kills;
        }

        synchronized int errors() {
            return errors;
        }

        synchronized List<AssertionError> violations() {
            return List.copyOf(violations);
        }

        /** The names of the crash points at which somebody died. */
        synchronized Set<String> killedAt() {
            return new TreeSet<>(killedAt);
        }

        synchronized Set<String> failedAt() {
            return new TreeSet<>(failedAt);
        }
    }

    /**
     * What is to happen during a deed.
     *
     * @param fail the site whose call fails, -1 for none
     * @param kill the site before which the daemon dies, after that failure if there is one; -1 for none
     * @param again the site before which the next daemon dies while it starts; -1 for none
     */
    private record Accident(Deed deed, int fail, int kill, int again) {
        @Override
        public String toString() {
            return deed.title()
                    + (fail < 0 ? "" : ", failed at " + name(fail))
                    + (kill < 0 ? "" : ", killed before " + name(kill))
                    + (again < 0 ? "" : ", again at the start before " + name(again));
        }
    }

    private static Site site(int number) {
        return CrashWorld.SITES.all().get(number);
    }

    private static String name(int number) {
        return site(number).name();
    }

    /**
     * Each crash point that can be reached once, each call that can fail once, and what these lead to, the steps of recovery
     * and of clearing up; or the share of them that was asked for.
     */
    void everyStep() throws IOException {
        Queue<Accident> accidents = new ArrayDeque<>();
        for (Deed deed : deeds) {
            for (int step : steps(deed)) {
                if (site(step).crashPoint() && tally.plan(scope + "kill " + name(step)) && chosen()) {
                    accidents.add(new Accident(deed, -1, step, -1));
                }
                if (share == 1 && !site(step).reference() && tally.plan(scope + "fail " + name(step))) {
                    accidents.add(new Accident(deed, step, -1, -1));
                }
            }
            // At once, so that the other run has something to do too.
            while (!accidents.isEmpty()) {
                Accident accident = accidents.remove();
                for (Accident next : survive(accident)) {
                    accidents.add(next);
                }
            }
        }
    }

    private boolean chosen() {
        return random.nextInt(share) == 0;
    }

    /** The sites that a deed passes when nothing happens. */
    private Collection<Integer> steps(Deed deed) throws IOException {
        deed.prepare();
        control.arm(Fault.NONE, -1, 0, 0);
        JsonObject answer = answered(deed.act(UUID.randomUUID().toString()))
                .orElseThrow(() -> new AssertionError(deed.title() + " fails by itself" + world.tail()));
        Collection<Integer> steps = new LinkedHashSet<>(control.trace());
        control.disarm();
        deed.assertDone(answer);
        deed.clear();
        return steps;
    }

    /** Lets it happen; what is not as it must be afterwards is kept. Gives the accidents that it shows to be possible. */
    private List<Accident> survive(Accident accident) throws IOException {
        long begun = System.nanoTime();
        List<Accident> more = new ArrayList<>();
        try {
            surviveOrFail(accident, more);
            tally.survived();
        } catch (AssertionError e) {
            violated(accident.toString(), e);
        }
        System.err.printf("%s: %d ms%n", accident, (System.nanoTime() - begun) / 1_000_000);
        return more;
    }

    private void violated(String what, AssertionError violation) throws IOException {
        tally.violated(new AssertionError(what + ": " + violation.getMessage(), violation));
        System.err.println("VIOLATION: " + what + ": " + violation.getMessage());
        world.revive();
    }

    private void surviveOrFail(Accident accident, List<Accident> more) throws IOException {
        Deed deed = accident.deed();
        deed.prepare();
        String operation = UUID.randomUUID().toString();
        if (accident.fail() >= 0) {
            control.arm(Fault.FAIL, accident.fail(), 1, ERRNOS[accident.fail() % ERRNOS.length]);
            if (accident.kill() >= 0) {
                control.thenKillAt(accident.kill());
            }
        } else {
            control.arm(Fault.KILL, accident.kill(), 1, 0);
        }
        Optional<JsonObject> first = answered(deed.act(operation));
        settle(accident, more);
        JsonObject retried = retry(deed, operation);
        deed.assertDone(retried);
        if (!deed.starts()) {
            first.ifPresent(answer -> assertThat(retried).as("a retry").isEqualTo(answer));
            assertThat(retry(deed, operation)).as("another retry").isEqualTo(retried);
        }
        world.assertInOrder();
        deed.clear();
    }

    /** What has happened by the time the request is over, and the next start. */
    private void settle(Accident accident, List<Accident> more) throws IOException {
        if (accident.kill() < 0) {
            if (control.fired() >= 0) {
                tally.failed(control.fired());
            }
            plan(control.trace(), site -> new Accident(accident.deed(), accident.fail(), site, -1), more);
            control.disarm();
            accident.deed().assertBeforeOrAfter();
            return;
        }
        if (control.fired() != accident.kill()) {
            // It was not come by this time.
            control.disarm();
            return;
        }
        world.daemon().awaitEnd();
        tally.killed(accident.kill());
        accident.deed().assertBeforeOrAfter();
        if (accident.again() >= 0) {
            control.arm(Fault.KILL, accident.again(), 1, 0);
        } else {
            control.arm(Fault.NONE, -1, 0, 0);
        }
        boolean started = world.daemon().startsAndAnswers("vms");
        if (started) {
            plan(
                    control.trace(),
                    site -> new Accident(accident.deed(), accident.fail(), accident.kill(), site),
                    accident.again() < 0 ? more : new ArrayList<>());
        } else {
            assertThat(control.fired())
                    .as("flatsnapd ended by itself" + world.tail())
                    .isNotNegative();
            tally.killed(control.fired());
            accident.deed().assertBeforeOrAfter();
            control.disarm();
            world.restart();
        }
        control.disarm();
        accident.deed().assertBeforeOrAfter();
        world.assertInOrder();
        accident.deed().assertSettled();
        accident.deed().assertUndoable();
    }

    private interface Maker {
        Accident at(int site);
    }

    private void plan(List<Integer> trace, Maker maker, List<Accident> more) {
        for (int site : new LinkedHashSet<>(trace)) {
            if (site(site).crashPoint() && tally.plan(scope + "kill " + name(site)) && chosen()) {
                more.add(maker.at(site));
            }
        }
    }

    /** As a client does it that was told "busy" or "not now". */
    private JsonObject retry(Deed deed, String operation) {
        Answer[] last = new Answer[1];
        RunningGuest.await(PATIENCE, deed.title() + " to be done at last", () -> {
            try {
                last[0] = deed.act(operation);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
            if (last[0].exitCode() == 0) {
                return true;
            }
            assertThat(last[0].errors())
                    .as("why " + deed.title() + " is refused: " + world.tail())
                    .matches("(?s).*\"code\": \"(BUSY|UNAVAILABLE)\".*")
                    .doesNotContain("cannot reach");
            return false;
        });
        return answered(last[0]).orElseThrow();
    }

    private static Optional<JsonObject> answered(Answer answer) {
        return answer.exitCode() == 0
                ? Optional.of(JsonParser.parseString(answer.output()).getAsJsonObject())
                : Optional.empty();
    }

    /** The daemon dies while a guest stands still, and so does the watchdog at its steps, or what it does fails there. */
    void watchdogs(CrashWorld libvirt) throws IOException {
        List<Site> sites = CrashWorld.SITES.all();
        for (int i = 0; i < sites.size(); i++) {
            if (sites.get(i).crashPoint()
                    && WATCHDOG.matcher(sites.get(i).name()).find()) {
                for (Fault fault : List.of(Fault.KILL, Fault.FAIL)) {
                    String what = "the watchdog meets %s at %s".formatted(fault, name(i));
                    try {
                        watchdog(libvirt, fault, i);
                        tally.survived();
                    } catch (AssertionError e) {
                        violated(what, e);
                    }
                    System.err.println(what);
                }
            }
        }
    }

    private void watchdog(CrashWorld libvirt, Fault fault, int site) throws IOException {
        boolean freeze = site(site).callee().endsWith("thaw");
        Deed deed = deed(freeze ? "take, frozen guest" : "take, VM running");
        int standstill = CrashWorld.SITES.number(
                freeze ? "hypervisor/Quiescer.thaw > Guests.thaw #1" : "hypervisor/Quiescer.resume > Guests.resume #1");
        deed.prepare();
        libvirt.watchdogControl().arm(fault, site, 1, ERRNOS[0]);
        world.daemon().stop();
        world.restart();
        control.arm(Fault.KILL, standstill, 1, 0);
        String operation = UUID.randomUUID().toString();
        deed.act(operation);
        world.daemon().awaitEnd();
        tally.killed(standstill);
        RunningGuest.await(
                PATIENCE,
                "the watchdog to come by" + world.tail(),
                () -> libvirt.watchdogControl().fired() >= 0);
        if (fault == Fault.KILL) {
            tally.killed(site);
        } else {
            tally.failed(site);
        }
        libvirt.watchdogControl().disarm();
        world.restart();
        deed.assertBeforeOrAfter();
        world.assertInOrder();
        deed.assertDone(retry(deed, operation));
        deed.clear();
    }

    private Deed deed(String title) {
        return deeds.stream()
                .filter(deed -> deed.title().equals(title))
                .findFirst()
                .orElseThrow();
    }

    /** What is no pretence: a file system that is full, one that is read-only, a process without descriptors. */
    void realFaults(CrashWorld libvirt) throws IOException {
        List<? extends Deed> onStorage =
                deeds.stream().filter(deed -> !deed.starts()).toList();
        for (Deed deed : onStorage) {
            for (LoopFileSystem store : libvirt.fileSystems()) {
                suffer(deed, "on a full " + store.root(), () -> {
                    Path filler = store.fill();
                    return () -> Files.delete(filler);
                });
                if (deed.bearsReadOnlyStore()) {
                    suffer(deed, "on a read-only " + store.root(), () -> {
                        // It has files there open for writing.
                        virsh("destroy", libvirt.running().uuid());
                        store.remount("ro");
                        return () -> {
                            store.remount("rw");
                            virsh("start", libvirt.running().uuid());
                        };
                    });
                }
            }
            suffer(deed, "without file descriptors", () -> {
                long process = world.daemon().pid();
                String limit = limit(process);
                Commands.run(
                        "prlimit", "--pid", Long.toString(process), "--nofile=" + (descriptors(process) + 3) + ":");
                Thread restore = new Thread(() -> {
                    pause(Duration.ofSeconds(2));
                    // It may have ended meanwhile.
                    Commands.exitCode("prlimit", "--pid", Long.toString(process), "--nofile=" + limit + ":");
                });
                restore.start();
                return () -> join(restore);
            });
        }
    }

    private interface Misery {
        AutoCloseable begin() throws IOException;
    }

    private void suffer(Deed deed, String what, Misery misery) throws IOException {
        try {
            deed.prepare();
            String operation = UUID.randomUUID().toString();
            Optional<JsonObject> first;
            try (AutoCloseable present = misery.begin()) {
                Answer answer = deed.act(operation);
                first = answered(answer);
                assertThat(answer.errors()).doesNotContain("INTERNAL");
                if (first.isEmpty()) {
                    tally.failed(what);
                }
                deed.assertBeforeOrAfter();
            } catch (IOException | RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new AssertionError(e);
            }
            // A process without descriptors is ended by libvirt's library (GLib aborts it).
            world.revive();
            JsonObject retried = retry(deed, operation);
            first.ifPresent(answer -> assertThat(retried).isEqualTo(answer));
            deed.assertDone(retried);
            world.assertInOrder();
            deed.clear();
        } catch (AssertionError e) {
            violated(deed.title() + " " + what, e);
        }
    }

    private static String limit(long process) throws IOException {
        return Commands.run("prlimit", "--pid", Long.toString(process), "--nofile", "--noheadings", "--output=SOFT")
                .strip();
    }

    private static long descriptors(long process) throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc", Long.toString(process), "fd"))) {
            return open.count();
        }
    }

    private static void pause(Duration duration) {
        try {
            Thread.sleep(duration.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Deaths at steps by chance, one in three with another death while the next daemon starts. */
    void randomKills(int count) throws IOException {
        List<Integer> lengths = new ArrayList<>();
        for (Deed deed : deeds) {
            lengths.add(length(deed));
        }
        for (int i = 0; i < count; i++) {
            int chosen = random.nextInt(deeds.size());
            int nth = 1 + random.nextInt(lengths.get(chosen));
            int again = random.nextInt(3) == 0 ? 1 + random.nextInt(40) : 0;
            Deed deed = deeds.get(chosen);
            String what =
                    "%s, killed at step %d%s".formatted(deed.title(), nth, again > 0 ? " and start " + again : "");
            try {
                randomKill(deed, nth, again);
            } catch (AssertionError e) {
                violated(what, e);
            }
            System.err.printf("%d of %d: %s%n", i + 1, count, what);
        }
    }

    private int length(Deed deed) throws IOException {
        deed.prepare();
        control.arm(Fault.NONE, -1, 0, 0);
        deed.act(UUID.randomUUID().toString());
        int length = control.trace().size();
        control.disarm();
        deed.clear();
        return Math.max(1, length);
    }

    private void randomKill(Deed deed, int nth, int again) throws IOException {
        deed.prepare();
        String operation = UUID.randomUUID().toString();
        control.arm(Fault.KILL, -1, nth, 0);
        Optional<JsonObject> first = answered(deed.act(operation));
        if (control.fired() >= 0) {
            world.daemon().awaitEnd();
            tally.killed(control.fired());
            deed.assertBeforeOrAfter();
            if (again > 0) {
                control.arm(Fault.KILL, -1, again, 0);
                if (!world.daemon().startsAndAnswers("vms")) {
                    tally.killed(control.fired());
                    deed.assertBeforeOrAfter();
                    control.disarm();
                    world.restart();
                } else if (!world.daemon().isAlive()) {
                    world.restart();
                }
                control.disarm();
            } else {
                control.disarm();
                world.restart();
            }
            deed.assertBeforeOrAfter();
            world.assertInOrder();
            deed.assertUndoable();
        }
        control.disarm();
        if (!world.daemon().isAlive()) {
            world.restart();
        }
        JsonObject retried = retry(deed, operation);
        if (!deed.starts()) {
            first.ifPresent(answer -> assertThat(retried).isEqualTo(answer));
        }
        deed.assertDone(retried);
        world.assertInOrder();
        deed.clear();
        tally.survived();
    }
}
