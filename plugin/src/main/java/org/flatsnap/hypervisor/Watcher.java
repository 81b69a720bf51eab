package org.flatsnap.hypervisor;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches in this process, which for the daemon is that of {@link Watchdog}.
 *
 * <p>INVARIANT: a note is removed here only when the guest was let go on and, some seconds later, still went on by itself.
 * What was asked of a libvirtd or an agent that hangs is carried out as soon as it wakes, so one look is not enough.
 */
final class Watcher implements Watch {
    private static final Logger LOG = LoggerFactory.getLogger(Watcher.class);
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Duration LONGEST_RETRY = Duration.ofSeconds(10);
    private static final Duration DOUBT = Duration.ofSeconds(3);

    private final Guests guests;
    private final GuestNotes notes;
    private final Duration patience;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(Watcher::daemonThread);
    // One hanging agent must not hold up the thaw of another guest, so the timer only starts work and does none.
    private final ExecutorService workers = Executors.newCachedThreadPool(Watcher::daemonThread);
    private final Map<Standstill, Turn> watched = new HashMap<>();
    private final Map<Standstill, Turn> undoing = new HashMap<>();

    private record Standstill(VmId vm, Kind kind) {
        @Override
        public String toString() {
            return "VM " + vm + " may be " + (kind == Kind.PAUSE ? "paused" : "frozen");
        }
    }

    /** Its identity counts: a guest may stand still again while a timer of the last time still runs. */
    private static final class Turn {}

    /** @param patience the longest a guest may stand still, and how long the agent is waited for */
    Watcher(Guests guests, GuestNotes notes, Duration patience) {
        this.guests = guests;
        this.notes = notes;
        this.patience = patience;
    }

    private static Thread daemonThread(Runnable task) {
        Thread thread = new Thread(task, "flatsnap-watch");
        thread.setDaemon(true);
        return thread;
    }

    @Override
    public void start() {
        // They have notes too, which can perhaps not be read.
        watching().forEach(standstill -> takeOver(standstill.vm, standstill.kind));
        for (Kind kind : new Kind[] {Kind.PAUSE, Kind.FREEZE}) {
            for (VmId vm : notes.open(kind)) {
                LOG.warn("{}, by one who is gone: letting it go on", new Standstill(vm, kind));
                takeOver(vm, kind);
            }
        }
    }

    private synchronized List<Standstill> watching() {
        return List.copyOf(watched.keySet());
    }

    @Override
    public void await() {}

    @Override
    public synchronized void begin(VmId vm, Kind kind) {
        end(vm, kind);
        Standstill standstill = new Standstill(vm, kind);
        Turn turn = new Turn();
        watched.put(standstill, turn);
        after(patience, () -> expire(standstill, turn, RETRY));
    }

    /** Goes on until it is ended: who has been stopped between asking and freezing may freeze at any time. */
    private void expire(Standstill standstill, Turn turn, Duration retry) {
        if (isTurn(turn, watched, standstill)) {
            LOG.error("{} for {} ms: letting it go on", standstill, patience.toMillis());
            goesOn(standstill);
            after(retry, () -> expire(standstill, turn, longer(retry)));
        }
    }

    private synchronized boolean isTurn(Turn turn, Map<Standstill, Turn> turns, Standstill standstill) {
        return turns.get(standstill) == turn;
    }

    @Override
    public synchronized void end(VmId vm, Kind kind) {
        Standstill standstill = new Standstill(vm, kind);
        watched.remove(standstill);
        undoing.remove(standstill);
        notifyAll();
    }

    @Override
    public synchronized void takeOver(VmId vm, Kind kind) {
        Standstill standstill = new Standstill(vm, kind);
        Turn turn = new Turn();
        watched.remove(standstill);
        undoing.put(standstill, turn);
        after(Duration.ZERO, () -> undo(standstill, turn, RETRY));
    }

    private void undo(Standstill standstill, Turn turn, Duration retry) {
        if (isTurn(turn, undoing, standstill)) {
            if (goesOn(standstill)) {
                after(DOUBT, () -> confirm(standstill, turn));
            } else {
                after(retry, () -> undo(standstill, turn, longer(retry)));
            }
        }
    }

    private void confirm(Standstill standstill, Turn turn) {
        try {
            if (goesOnByItself(standstill)) {
                conclude(standstill, turn);
                return;
            }
        } catch (RuntimeException e) {
            LOG.warn("{}, trying again: {}", standstill, e.getMessage());
        }
        undo(standstill, turn, RETRY);
    }

    /** The note first: as long as it stands nothing new begins for the guest. */
    private synchronized void conclude(Standstill standstill, Turn turn) {
        if (isTurn(turn, undoing, standstill)) {
            notes.end(standstill.vm, standstill.kind);
            undoing.remove(standstill);
            notifyAll();
            LOG.info("VM {} goes on", standstill.vm);
        }
    }

    /** Waits until every guest that was taken over goes on for certain; not longer than told. */
    synchronized boolean awaitUndone(Duration limit) throws InterruptedException {
        if (!undoing.isEmpty()) {
            wait(limit.toMillis());
        }
        return undoing.isEmpty();
    }

    private static Duration longer(Duration retry) {
        Duration doubled = retry.multipliedBy(2);
        return doubled.compareTo(LONGEST_RETRY) < 0 ? doubled : LONGEST_RETRY;
    }

    /** Lets the guest go on if it does not. */
    private boolean goesOn(Standstill standstill) {
        try {
            VmState state = guests.state(standstill.vm);
            if (standstill.kind == Kind.PAUSE && state == VmState.PAUSED) {
                guests.resume(standstill.vm);
            }
            if (standstill.kind == Kind.FREEZE && state == VmState.RUNNING) {
                guests.thaw(standstill.vm, patience);
            }
            return goesOnByItself(standstill);
        } catch (RuntimeException e) {
            LOG.warn("{}, trying again: {}", standstill, e.getMessage());
            return false;
        }
    }

    private boolean goesOnByItself(Standstill standstill) {
        return switch (guests.state(standstill.vm)) {
            // For a freeze it is somebody else's pause, and the agent cannot answer before that ends.
            case PAUSED -> false;
            // A freeze may still be on its way, so that only the agent's own word counts.
            case RUNNING -> standstill.kind == Kind.PAUSE || !guests.frozen(standstill.vm, patience);
            case OFF -> true;
        };
    }

    private void after(Duration delay, Runnable task) {
        try {
            timer.schedule(() -> workers.execute(task), delay.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            LOG.info("stopping: guests that may stand still are seen to at the next start");
        }
    }

    @Override
    public Optional<Problem> obstacle() {
        return Optional.empty();
    }

    @Override
    public void close() {
        timer.shutdownNow();
        workers.shutdownNow();
    }
}
