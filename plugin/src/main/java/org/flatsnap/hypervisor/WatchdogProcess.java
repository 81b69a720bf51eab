package org.flatsnap.hypervisor;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.hypervisor.Watchdog.Action;
import org.flatsnap.hypervisor.Watchdog.Request;
import org.flatsnap.linux.Programs;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon's end of its {@link Watchdog}: starts it, starts another when it is gone, and lets no guest be touched before it
 * has said that it knows.
 */
public final class WatchdogProcess implements Watch {
    private static final Logger LOG = LoggerFactory.getLogger(WatchdogProcess.class);
    private static final Duration START = Duration.ofSeconds(30);
    private static final Duration RETRY = Duration.ofSeconds(5);

    private final List<String> command;
    private final Thread keeper = new Thread(this::keep, "flatsnap-watchdog");
    private Optional<Process> process = Optional.empty();
    private Optional<WatchdogLink> link = Optional.empty();
    private Optional<Problem> obstacle = Optional.empty();
    private boolean closed;

    /**
     * Nothing runs before {@link #start}.
     *
     * @param uri libvirt's
     * @param notes the directory of the {@link GuestNotes}
     * @param patience the longest a guest may stand still
     */
    public WatchdogProcess(String uri, Path notes, Duration patience) {
        this(command(uri, notes, patience));
    }

    WatchdogProcess(List<String> command) {
        this.command = command;
        // It must not keep the daemon from ending.
        keeper.setDaemon(true);
    }

    private static List<String> command(String uri, Path notes, Duration patience) {
        List<String> words = new ArrayList<>(List.of(
                // What is sent to the daemon's group or session must not reach it.
                "setsid",
                // It gets its turn on a host that is too busy for everything else. Not allowed to, nice goes on
                // without.
                "nice",
                "-n",
                "-10",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx32m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:+ExitOnOutOfMemoryError"));
        if (Runtime.version().feature() >= 22) {
            words.add("--enable-native-access=ALL-UNNAMED");
        }
        words.addAll(List.of(
                "-cp",
                System.getProperty("java.class.path"),
                Watchdog.class.getName(),
                uri,
                notes.toAbsolutePath().toString(),
                String.valueOf(patience.toMillis())));
        return List.copyOf(words);
    }

    @Override
    public void start() {
        keeper.start();
    }

    private void keep() {
        boolean hasty = false;
        while (true) {
            long begun = System.nanoTime();
            Problem why = attend();
            if (isClosed()) {
                return;
            }
            LOG.error("{}; starting another", why.why());
            boolean early = System.nanoTime() - begun < RETRY.toNanos();
            if (early && hasty) {
                // Once it may happen to anyone, but the next will do the same.
                refuse(why);
                pause();
            }
            hasty = early;
        }
    }

    /** Starts one and returns when it is gone. */
    private Problem attend() {
        try {
            Process started = Programs.startBeside(command);
            try (BufferedReader answers = started.inputReader(StandardCharsets.UTF_8)) {
                starting(started);
                if (Watchdog.READY.equals(answers.readLine())) {
                    WatchdogLink fresh = new WatchdogLink(started.outputWriter(StandardCharsets.UTF_8));
                    ready(fresh);
                    fresh.listen(answers);
                }
            } finally {
                gone();
                started.destroyForcibly();
            }
            return absent("the watchdog ended");
        } catch (IOException e) {
            return absent("the watchdog does not run (" + e.getMessage() + ")");
        }
    }

    private static Problem absent(String why) {
        return new Problem(
                Code.UNAVAILABLE,
                "cannot watch over a guest that stands still",
                why,
                "flatsnapd's log says more; it is started again every few seconds");
    }

    private static void pause() {
        try {
            Thread.sleep(RETRY.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    private synchronized void starting(Process started) {
        process = Optional.of(started);
    }

    private synchronized void ready(WatchdogLink fresh) {
        link = Optional.of(fresh);
        obstacle = Optional.empty();
        if (closed) {
            fresh.close();
        }
        notifyAll();
    }

    private synchronized void gone() {
        process = Optional.empty();
        link = Optional.empty();
    }

    private synchronized void refuse(Problem why) {
        obstacle = Optional.of(why);
        notifyAll();
    }

    @Override
    public void await() {
        established();
    }

    @Override
    public void begin(VmId vm, Kind kind) {
        WatchdogLink present = established();
        try {
            present.ask(new Request(Action.BEGIN, vm, kind));
        } catch (IOException e) {
            end(present);
            throw absent("the watchdog does not answer (" + e.getMessage() + ")");
        }
    }

    @Override
    public void end(VmId vm, Kind kind) {
        tell(new Request(Action.END, vm, kind));
    }

    @Override
    public void takeOver(VmId vm, Kind kind) {
        tell(new Request(Action.TAKE_OVER, vm, kind));
    }

    private void tell(Request request) {
        Optional<WatchdogLink> present = present();
        if (present.isEmpty()) {
            return;
        }
        try {
            present.get().ask(request);
        } catch (IOException e) {
            LOG.warn("the watchdog is gone or hangs; the next one begins with the notes", e);
            end(present.get());
        }
    }

    private synchronized Optional<WatchdogLink> present() {
        return link;
    }

    private synchronized WatchdogLink established() {
        long deadline = System.nanoTime() + START.toNanos();
        while (link.isEmpty()) {
            if (closed) {
                throw absent("the daemon is stopping");
            }
            if (obstacle.isPresent()) {
                throw obstacle.get();
            }
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                process.ifPresent(Process::destroyForcibly);
                throw absent("the watchdog has not become ready within " + START.toSeconds() + " s");
            }
            try {
                wait(Math.max(1, left / 1_000_000));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw absent("the daemon is stopping");
            }
        }
        return link.get();
    }

    private synchronized void end(WatchdogLink broken) {
        if (link.filter(present -> present == broken).isPresent()) {
            link = Optional.empty();
            process.ifPresent(Process::destroyForcibly);
        }
    }

    @Override
    public synchronized Optional<Problem> obstacle() {
        return obstacle;
    }

    /** The process ends by itself when every guest goes on. */
    @Override
    public synchronized void close() {
        closed = true;
        link.ifPresent(WatchdogLink::close);
        notifyAll();
    }
}
