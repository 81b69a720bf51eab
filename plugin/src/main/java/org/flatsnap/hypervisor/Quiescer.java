package org.flatsnap.hypervisor;

import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a guest to stand still for the moment its disks are cloned, and never longer.
 *
 * <p>INVARIANT: no guest is left frozen or paused. A note stands before the guest is touched; thaw and resume are in
 * {@code finally} and on a timer that is set before; a freeze that failed is followed by thaws until the agent says "thawed",
 * since it can take effect late; and {@link #recover} does the same for what a killed daemon left.
 *
 * <p>Safe for use by several threads; work on one guest is done one after another.
 */
public final class Quiescer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Quiescer.class);
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Duration LONGEST_RETRY = Duration.ofSeconds(30);

    private final Guests guests;
    private final Duration patience;
    private final GuestNotes notes;
    private final ScheduledExecutorService timer;
    // One hanging agent must not hold up the thaw of another guest, so the timer only starts work and does none.
    private final ExecutorService workers;
    // A retried thaw must not meet a later take of the same guest.
    private final Map<VmId, ReentrantLock> turns = new ConcurrentHashMap<>();

    /** @param patience the longest a guest may stand still, and how long the agent is waited for */
    public Quiescer(Guests guests, GuestNotes notes, Duration patience) {
        this.guests = guests;
        this.patience = patience;
        this.notes = notes;
        this.timer = Executors.newSingleThreadScheduledExecutor(Quiescer::daemonThread);
        this.workers = Executors.newCachedThreadPool(Quiescer::daemonThread);
    }

    private static Thread daemonThread(Runnable task) {
        Thread thread = new Thread(task, "flatsnap-thaw");
        thread.setDaemon(true);
        return thread;
    }

    /**
     * Runs {@code moment} while the guest stands as still as {@code asked}, or as still as it can be made.
     *
     * @param several whether {@code moment} clones more than one disk, so that the guest must not write in between
     * @param strict whether to fail rather than reach less than asked of a running guest
     * @return what was reached
     */
    public Quiescence during(Vm vm, Consistency asked, boolean several, boolean strict, Runnable moment) {
        ReentrantLock turn = turns.computeIfAbsent(vm.id(), id -> new ReentrantLock());
        turn.lock();
        try {
            return switch (vm.state()) {
                case OFF, PAUSED -> atRest(vm, vm.state(), asked, several, moment);
                case RUNNING -> duringRun(vm, asked, several, strict, moment);
            };
        } finally {
            turn.unlock();
        }
    }

    private Quiescence atRest(Vm vm, VmState state, Consistency asked, boolean several, Runnable moment) {
        moment.run();
        boolean woken = several && guests.state(vm.id()) == VmState.RUNNING;
        String note = asked == Consistency.CRASH ? "" : "the VM was " + state;
        return new Quiescence(
                asked, Consistency.CRASH, state, 0, 0, woken, woken ? "the VM was started meanwhile" : note);
    }

    private Quiescence duringRun(Vm vm, Consistency asked, boolean several, boolean strict, Runnable moment) {
        String note = "";
        if (asked == Consistency.FILESYSTEM) {
            try {
                return frozen(vm, several, strict, moment);
            } catch (FreezeFailed e) {
                if (strict) {
                    throw e.problem;
                }
                note = e.problem.why();
                LOG.warn("{}: {}; going on at level crash", e.problem.what(), note);
            }
        }
        if (several) {
            return paused(vm, asked, note, moment);
        }
        moment.run();
        return new Quiescence(asked, Consistency.CRASH, VmState.RUNNING, 0, 0, false, note);
    }

    /** The freeze failed and the moment has not been run. */
    private static final class FreezeFailed extends Exception {
        private final transient Problem problem;

        FreezeFailed(Problem problem) {
            super(problem);
            this.problem = problem;
        }

        FreezeFailed(Vm vm, Code code, String why, String remedy) {
            this(new Problem(code, "cannot freeze the file systems of VM " + vm, why, remedy));
        }
    }

    private Quiescence frozen(Vm vm, boolean several, boolean strict, Runnable moment) throws FreezeFailed {
        refuseUnready(vm);
        notes.begin(vm.id(), Kind.FREEZE);
        long begun = System.nanoTime();
        AtomicBoolean late = new AtomicBoolean();
        ScheduledFuture<?> deadline = deadline(vm.id(), late);
        int count;
        try {
            count = guests.freeze(vm.id(), patience);
        } catch (Problem e) {
            deadline.cancel(false);
            thawLater(vm.id(), RETRY);
            throw new FreezeFailed(e);
        }
        int thawed = 0;
        try {
            if (count == 0) {
                throw new FreezeFailed(
                        vm,
                        Code.UNSUPPORTED,
                        "the guest agent found none to freeze",
                        "Check the agent's configuration in the guest");
            }
            if (late.get()) {
                throw new FreezeFailed(
                        vm, Code.UNAVAILABLE, "the freeze took too long", "Try again when the guest is less busy");
            }
            moment.run();
        } finally {
            deadline.cancel(false);
            thawed = thaw(vm.id());
        }
        // A guest that thaws by itself, as Windows does after ten seconds, leaves less to thaw than was frozen.
        boolean whole = !late.get() && thawed >= count;
        if (!whole && strict) {
            throw new Problem(
                    Code.UNAVAILABLE,
                    "cannot keep the file systems of VM " + vm + " frozen",
                    "the clones took longer than the guest may stand still",
                    "Try again when the storage is less busy, or without --strict");
        }
        return new Quiescence(
                Consistency.FILESYSTEM,
                whole ? Consistency.FILESYSTEM : Consistency.CRASH,
                VmState.RUNNING,
                millisSince(begun),
                0,
                !whole && several,
                whole ? "" : "the guest was thawed before the clones were complete");
    }

    private void refuseUnready(Vm vm) throws FreezeFailed {
        switch (vm.agent()) {
            case NONE ->
                throw new FreezeFailed(
                        vm,
                        Code.UNSUPPORTED,
                        "it has no channel for the guest agent",
                        "Add the channel org.qemu.guest_agent.0 to its definition and install qemu-guest-agent in the guest");
            case DISCONNECTED ->
                throw new FreezeFailed(
                        vm,
                        Code.UNAVAILABLE,
                        "no guest agent runs in it",
                        "Install and start qemu-guest-agent in the guest");
            case CONNECTED -> LOG.debug("freezing VM {}", vm);
        }
        if (notes.contains(vm.id(), Kind.FREEZE)) {
            throw new FreezeFailed(
                    vm,
                    Code.BUSY,
                    "an earlier freeze has not been confirmed as undone",
                    "Check the guest agent; 'flatsnap doctor' tells when it is well again");
        }
    }

    private Quiescence paused(Vm vm, Consistency asked, String note, Runnable moment) {
        notes.begin(vm.id(), Kind.PAUSE);
        long begun = System.nanoTime();
        AtomicBoolean late = new AtomicBoolean();
        ScheduledFuture<?> deadline = deadline(vm.id(), late);
        try {
            if (!suspended(vm)) {
                return atRest(vm, VmState.OFF, asked, true, moment);
            }
            moment.run();
            if (guests.state(vm.id()) != VmState.PAUSED) {
                late.set(true);
            }
        } finally {
            deadline.cancel(false);
            resume(vm.id());
        }
        return new Quiescence(asked, Consistency.CRASH, VmState.RUNNING, 0, millisSince(begun), late.get(), note);
    }

    /** @return false if it was shut down since it was looked at, for a rollback or by somebody else */
    private boolean suspended(Vm vm) {
        try {
            guests.suspend(vm.id());
            return true;
        } catch (Problem e) {
            if (guests.state(vm.id()) == VmState.OFF) {
                return false;
            }
            throw e;
        }
    }

    /** Lets the guest go on when it has stood still for too long, whatever the thread that stopped it is doing. */
    private ScheduledFuture<?> deadline(VmId vm, AtomicBoolean late) {
        return after(patience, () -> {
            late.set(true);
            LOG.error("VM {} has stood still for {} ms: letting it go on", vm, patience.toMillis());
            if (notes.contains(vm, Kind.PAUSE)) {
                resume(vm);
            }
            if (notes.contains(vm, Kind.FREEZE)) {
                thaw(vm);
            }
        });
    }

    /** @return how many file systems were thawed; 0 if that has to be tried again, which then goes on by itself */
    private int thaw(VmId vm) {
        try {
            int thawed = guests.thaw(vm, patience);
            notes.end(vm, Kind.FREEZE);
            return thawed;
        } catch (RuntimeException e) {
            LOG.warn("VM {} may still be frozen, trying again: {}", vm, e.getMessage());
            thawLater(vm, RETRY);
            return 0;
        }
    }

    private void thawLater(VmId vm, Duration delay) {
        again(delay, next -> {
            ReentrantLock turn = turns.computeIfAbsent(vm, id -> new ReentrantLock());
            if (turn.tryLock()) {
                try {
                    if (thawedForCertain(vm)) {
                        return;
                    }
                } finally {
                    turn.unlock();
                }
            }
            thawLater(vm, next);
        });
    }

    /** A freeze may still be on its way, so that only the agent's own word counts. */
    private boolean thawedForCertain(VmId vm) {
        try {
            switch (guests.state(vm)) {
                case PAUSED -> {
                    // Somebody else's pause: the agent cannot answer before it ends.
                    return false;
                }
                case RUNNING -> {
                    guests.thaw(vm, patience);
                    if (guests.frozen(vm, patience)) {
                        return false;
                    }
                }
                case OFF -> LOG.debug("VM {} is off", vm);
            }
            notes.end(vm, Kind.FREEZE);
            return true;
        } catch (RuntimeException e) {
            LOG.warn("VM {} may still be frozen, trying again: {}", vm, e.getMessage());
            return false;
        }
    }

    private void resume(VmId vm) {
        if (!resumed(vm)) {
            resumeLater(vm, RETRY);
        }
    }

    private void resumeLater(VmId vm, Duration delay) {
        again(delay, next -> {
            if (!resumed(vm)) {
                resumeLater(vm, next);
            }
        });
    }

    private boolean resumed(VmId vm) {
        try {
            if (guests.state(vm) == VmState.PAUSED) {
                guests.resume(vm);
            }
            notes.end(vm, Kind.PAUSE);
            return true;
        } catch (RuntimeException e) {
            LOG.warn("VM {} may still be paused, trying again: {}", vm, e.getMessage());
            return false;
        }
    }

    private interface Retry {
        void run(Duration next);
    }

    private void again(Duration delay, Retry retry) {
        Duration doubled = delay.multipliedBy(2);
        Duration next = doubled.compareTo(LONGEST_RETRY) < 0 ? doubled : LONGEST_RETRY;
        try {
            after(delay, () -> retry.run(next));
        } catch (RejectedExecutionException e) {
            LOG.info("the daemon is stopping: guests that may stand still are seen to at its next start");
        }
    }

    private ScheduledFuture<?> after(Duration delay, Runnable task) {
        return timer.schedule(() -> workers.execute(task), delay.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Undoes what a daemon that was killed left frozen or paused. */
    public void recover() {
        for (VmId vm : notes.open(Kind.PAUSE)) {
            LOG.warn("VM {} was paused when the daemon ended: letting it go on", vm);
            resumeLater(vm, Duration.ZERO);
        }
        for (VmId vm : notes.open(Kind.FREEZE)) {
            LOG.warn("VM {} was frozen when the daemon ended: letting it go on", vm);
            thawLater(vm, Duration.ZERO);
        }
    }

    /** VMs that may still stand still, because their agent or libvirt does not answer. */
    public Set<VmId> unconfirmed() {
        Set<VmId> open = new TreeSet<>(notes.open(Kind.FREEZE));
        open.addAll(notes.open(Kind.PAUSE));
        return open;
    }

    private static long millisSince(long begun) {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
    }

    /** Ends the retries; the notes keep what is open for the next start. */
    @Override
    public void close() {
        timer.shutdownNow();
        workers.shutdownNow();
    }
}
