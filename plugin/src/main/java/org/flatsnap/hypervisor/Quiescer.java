package org.flatsnap.hypervisor;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.flatsnap.hypervisor.StandstillJournal.Kind;
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
 * <p>INVARIANT: no guest is left frozen or paused. A note in the journal stands before the guest is touched; thaw and resume
 * are in {@code finally} and on a timer; a freeze that failed is followed by thaws until the agent says "thawed", since it can
 * take effect late; and {@link #recover} does the same for what a killed daemon left.
 */
public final class Quiescer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Quiescer.class);
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Duration LONGEST_RETRY = Duration.ofSeconds(30);

    private final Guests guests;
    private final Duration patience;
    private final StandstillJournal journal;
    private final ScheduledExecutorService timer;
    // One hanging agent must not hold up the thaw of another guest, so the timer only starts work and does none.
    private final ExecutorService workers;

    /**
     * @param directory where the journal stands; it must survive a crash
     * @param patience the longest a guest may stand still, and how long the agent is waited for
     */
    public Quiescer(Guests guests, Path directory, Duration patience) throws IOException {
        this.guests = guests;
        this.patience = patience;
        this.journal = new StandstillJournal(directory);
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
     * @param strict whether to fail rather than reach less than asked of a running guest; {@code moment} is not run then
     * @return what was reached
     */
    public Quiescence during(Vm vm, Consistency asked, boolean several, boolean strict, Runnable moment) {
        return switch (vm.state()) {
            case OFF -> {
                moment.run();
                yield new Quiescence(asked, Consistency.CRASH, VmState.OFF, 0, 0, false, note(asked, "the VM was off"));
            }
            case PAUSED -> {
                moment.run();
                yield new Quiescence(
                        asked, Consistency.CRASH, VmState.PAUSED, 0, 0, false, note(asked, "the VM was paused"));
            }
            case RUNNING -> duringRun(vm, asked, several, strict, moment);
        };
    }

    private static String note(Consistency asked, String why) {
        return asked == Consistency.CRASH ? "" : why;
    }

    private Quiescence duringRun(Vm vm, Consistency asked, boolean several, boolean strict, Runnable moment) {
        String note = "";
        if (asked == Consistency.FILESYSTEM) {
            try {
                return frozen(vm, several, moment);
            } catch (FreezeFailed e) {
                if (strict) {
                    throw e.problem;
                }
                note = e.problem.why();
                LOG.warn("{}: {}; going on at level crash", e.problem.what(), note);
            }
        }
        return several ? paused(vm, asked, note, moment) : running(asked, note, moment);
    }

    /** The freeze failed and the moment has not been run. */
    private static final class FreezeFailed extends Exception {
        private final transient Problem problem;

        FreezeFailed(Problem problem) {
            super(problem);
            this.problem = problem;
        }
    }

    private Quiescence frozen(Vm vm, boolean several, Runnable moment) throws FreezeFailed {
        switch (vm.agent()) {
            case NONE ->
                throw new FreezeFailed(
                        new Problem(
                                Code.UNSUPPORTED,
                                "cannot freeze the file systems of VM " + vm,
                                "it has no channel for the guest agent",
                                "Add the channel org.qemu.guest_agent.0 to its definition and install qemu-guest-agent in the guest"));
            case DISCONNECTED ->
                throw new FreezeFailed(new Problem(
                        Code.UNAVAILABLE,
                        "cannot freeze the file systems of VM " + vm,
                        "no guest agent runs in it",
                        "Install and start qemu-guest-agent in the guest"));
            case CONNECTED -> LOG.debug("freezing VM {}", vm);
        }
        if (journal.contains(vm.id(), Kind.FREEZE)) {
            throw new FreezeFailed(new Problem(
                    Code.BUSY,
                    "cannot freeze the file systems of VM " + vm,
                    "an earlier freeze has not been confirmed as undone",
                    "Check the guest agent; 'flatsnap doctor' tells when it is well again"));
        }
        journal.begin(vm.id(), Kind.FREEZE);
        long begun = System.nanoTime();
        int count;
        try {
            count = guests.freeze(vm.id(), patience);
        } catch (Problem e) {
            releaseLater(vm.id(), RETRY);
            throw new FreezeFailed(e);
        }
        if (count == 0) {
            releaseLater(vm.id(), RETRY);
            throw new FreezeFailed(new Problem(
                    Code.UNSUPPORTED,
                    "cannot freeze the file systems of VM " + vm,
                    "the guest agent found none to freeze",
                    "Check the agent's configuration in the guest"));
        }
        boolean late = runWithDeadline(vm.id(), moment);
        return new Quiescence(
                Consistency.FILESYSTEM,
                late ? Consistency.CRASH : Consistency.FILESYSTEM,
                VmState.RUNNING,
                millisSince(begun),
                0,
                late && several,
                late ? "the clone took longer than a freeze may last" : "");
    }

    private Quiescence paused(Vm vm, Consistency asked, String note, Runnable moment) {
        journal.begin(vm.id(), Kind.PAUSE);
        long begun = System.nanoTime();
        try {
            guests.suspend(vm.id());
        } catch (Problem e) {
            release(vm.id(), false);
            throw e;
        }
        boolean late = runWithDeadline(vm.id(), moment);
        return new Quiescence(asked, Consistency.CRASH, VmState.RUNNING, 0, millisSince(begun), late, note);
    }

    /** @return whether the guest had to be let go before the moment was over */
    private boolean runWithDeadline(VmId vm, Runnable moment) {
        AtomicBoolean late = new AtomicBoolean();
        ScheduledFuture<?> deadline = after(patience, () -> {
            late.set(true);
            LOG.error("VM {} has stood still for {} s: letting it go on", vm, patience.toSeconds());
            release(vm, false);
        });
        try {
            moment.run();
        } finally {
            deadline.cancel(false);
            release(vm, false);
        }
        return late.get();
    }

    private static Quiescence running(Consistency asked, String note, Runnable moment) {
        moment.run();
        return new Quiescence(asked, Consistency.CRASH, VmState.RUNNING, 0, 0, false, note);
    }

    /**
     * Makes sure the guest runs, thawed; what does not work at once is tried again until it does.
     *
     * @param doubtful whether a freeze may still be on its way, so that only the agent's own word counts
     */
    private void release(VmId vm, boolean doubtful) {
        if (!released(vm, doubtful)) {
            releaseLater(vm, RETRY);
        }
    }

    private void releaseLater(VmId vm, Duration delay) {
        try {
            after(delay, () -> {
                if (!released(vm, true)) {
                    Duration next = delay.multipliedBy(2);
                    releaseLater(vm, next.compareTo(LONGEST_RETRY) < 0 ? next : LONGEST_RETRY);
                }
            });
        } catch (RejectedExecutionException e) {
            LOG.info("the daemon is stopping: VM {} is seen to at its next start", vm);
        }
    }

    private ScheduledFuture<?> after(Duration delay, Runnable task) {
        return timer.schedule(() -> workers.execute(task), delay.toMillis(), TimeUnit.MILLISECONDS);
    }

    private boolean released(VmId vm, boolean doubtful) {
        try {
            if (journal.contains(vm, Kind.PAUSE)) {
                if (guests.state(vm) == VmState.PAUSED) {
                    guests.resume(vm);
                }
                journal.end(vm, Kind.PAUSE);
            }
            if (journal.contains(vm, Kind.FREEZE)) {
                VmState state = guests.state(vm);
                if (state == VmState.PAUSED) {
                    // Somebody else's pause: the agent cannot answer before it ends.
                    return false;
                }
                if (state == VmState.RUNNING) {
                    guests.thaw(vm, patience);
                    if (doubtful && guests.frozen(vm, patience)) {
                        return false;
                    }
                }
                journal.end(vm, Kind.FREEZE);
            }
            return true;
        } catch (Problem e) {
            LOG.warn("VM {} may still stand still, trying again: {}", vm, e.getMessage());
            return false;
        }
    }

    /** Undoes what a daemon that was killed left frozen or paused. */
    public void recover() throws IOException {
        for (VmId vm : journal.open()) {
            LOG.warn("VM {} was standing still when the daemon ended: letting it go on", vm);
            workers.execute(() -> release(vm, true));
        }
    }

    /** VMs that may still be frozen, because their agent does not answer. */
    public List<VmId> unconfirmed() {
        try {
            return List.copyOf(journal.open());
        } catch (IOException e) {
            throw new Problem(
                    Code.UNAVAILABLE,
                    "cannot tell which guests stand still",
                    String.valueOf(e.getMessage()),
                    "Check the state directory",
                    e);
        }
    }

    private static long millisSince(long begun) {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
    }

    /** Ends the retries; the journal keeps what is open for the next start. */
    @Override
    public void close() {
        timer.shutdownNow();
        workers.shutdownNow();
    }
}
