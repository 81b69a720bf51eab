package org.flatsnap.hypervisor;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A small process beside the daemon that lets guests go on at their deadline by its own clock, and at once when the daemon is
 * gone, however that came about. Started by {@link WatchdogProcess}; ends when the daemon has ended and every guest goes on.
 *
 * <p>On standard input it gets requests, a line of JSON each, and it repeats each on standard output once it acts by it;
 * before the first it says {@link #READY} there.
 */
final class Watchdog {
    private static final Logger LOG = LoggerFactory.getLogger(Watchdog.class);
    static final String READY = "ready";
    private static final Duration LOOK = Duration.ofSeconds(1);

    /** A file beside the notes with the id of the one in charge. */
    private static final String IN_CHARGE = "watchdog";

    /** What the daemon says. */
    enum Action {
        BEGIN,
        END,
        TAKE_OVER
    }

    /** One line of it. */
    record Request(Action action, VmId vm, Kind kind) {}

    private final Watcher watcher;
    private final PrintStream answers;

    private Watchdog(Watcher watcher, PrintStream answers) {
        this.watcher = watcher;
        this.answers = answers;
    }

    /** Takes libvirt's URI, the directory of the notes, and the longest standstill in milliseconds. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        Guests guests = new Libvirt(arguments[0]);
        Path directory = Path.of(arguments[1]);
        Duration patience = Duration.ofMillis(Long.parseLong(arguments[2]));
        if (!Files.isDirectory(directory)) {
            // The daemon made it, so its file system has gone: what is made in its place would hide below the next
            // mount.
            LOG.error("{} is gone, and with it the notes of who may stand still", directory);
            System.exit(1);
        }
        Watcher watcher = new Watcher(guests, GuestNotes.existing(directory), patience);
        String own = UUID.randomUUID().toString();
        Path inCharge = directory.resolveSibling(IN_CHARGE);
        Files.writeString(inCharge, own);
        watcher.start();
        new Watchdog(watcher, System.out).serve(() -> rehearse(guests, patience));
        try {
            watcher.start();
        } catch (Problem e) {
            LOG.warn("{}; going on with those that were known", e.getMessage());
        }
        while (!watcher.awaitUndone(LOOK) && isInCharge(own, inCharge)) {}
        System.exit(0);
    }

    /** The next daemon has a watchdog of its own, which began with the same notes. */
    private static boolean isInCharge(String own, Path inCharge) {
        try {
            return own.equals(Files.readString(inCharge));
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            LOG.warn("cannot tell whether another watchdog has begun", e);
            return true;
        }
    }

    /** Does once what a thaw will take, for a VM that does not exist: on a busy host classes and libraries load slowly. */
    private static void rehearse(Guests guests, Duration patience) {
        VmId nobody = new VmId(new UUID(0, 0).toString());
        try {
            guests.state(nobody);
            for (Runnable call : new Runnable[] {
                () -> guests.resume(nobody), () -> guests.thaw(nobody, patience), () -> guests.frozen(nobody, patience)
            }) {
                try {
                    call.run();
                } catch (Problem e) {
                    LOG.debug("rehearsed", e);
                }
            }
        } catch (Problem e) {
            LOG.warn("guests could not be let go on now: {}", e.getMessage());
        }
    }

    /** Returns when the daemon is gone. */
    private void serve(Runnable first) throws InterruptedException {
        Optional<Long> daemon = parent();
        CountDownLatch gone = new CountDownLatch(1);
        inBackground(() -> {
            try {
                answerAll();
            } catch (IOException e) {
                LOG.debug("the daemon cannot be heard", e);
            } finally {
                gone.countDown();
            }
        });
        inBackground(first);
        // Programs that libraries of the daemon start may have inherited the pipe, and keep it open.
        while (!gone.await(LOOK.toMillis(), TimeUnit.MILLISECONDS) && parent().equals(daemon)) {}
    }

    private static Optional<Long> parent() {
        return ProcessHandle.current().parent().map(ProcessHandle::pid);
    }

    private static void inBackground(Runnable task) {
        Thread thread = new Thread(task, "flatsnap-watchdog");
        thread.setDaemon(true);
        thread.start();
    }

    private void answerAll() throws IOException {
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        answer(READY);
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            Request request = Json.COMPACT.fromJson(line, Request.class);
            switch (request.action()) {
                case BEGIN -> watcher.begin(request.vm(), request.kind());
                case END -> watcher.end(request.vm(), request.kind());
                case TAKE_OVER -> watcher.takeOver(request.vm(), request.kind());
            }
            answer(line);
        }
    }

    private void answer(String line) {
        answers.println(line);
        answers.flush();
    }
}
