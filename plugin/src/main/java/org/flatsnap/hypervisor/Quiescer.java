package org.flatsnap.hypervisor;

import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
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
 * <p>INVARIANT: no guest is left frozen or paused. A note stands and a {@link Watch} has confirmed that it knows before the
 * guest is touched; thaw and resume are in {@code finally}; the watch lets the guest go on at the deadline, when this process
 * is gone, and whenever a freeze, thaw, pause or resume failed, since it can take effect late.
 *
 * <p>Where nobody watches, nothing is frozen or paused: the level is crash then, and several disks are torn.
 *
 * <p>Safe for use by several threads; work on one guest is done one after another.
 */
public final class Quiescer implements Standstill {
    private static final Logger LOG = LoggerFactory.getLogger(Quiescer.class);

    private final Guests guests;
    private final GuestNotes notes;
    private final Watch watch;
    private final Duration patience;
    private final Map<VmId, ReentrantLock> turns = new ConcurrentHashMap<>();

    /** Watches by itself: guests that a kill of this process leaves are seen to only when it is started again. */
    public Quiescer(Guests guests, GuestNotes notes, Duration patience) {
        this(guests, notes, new Watcher(guests, notes, patience), patience);
    }

    /** @param patience the longest a guest may stand still, and how long the agent is waited for */
    public Quiescer(Guests guests, GuestNotes notes, Watch watch, Duration patience) {
        this.guests = guests;
        this.notes = notes;
        this.watch = watch;
        this.patience = patience;
    }

    @Override
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
            return paused(vm, asked, note, strict, moment);
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
        try {
            begin(vm, Kind.FREEZE);
        } catch (Problem e) {
            throw new FreezeFailed(e);
        }
        long begun = System.nanoTime();
        int count;
        try {
            count = guests.freeze(vm.id(), patience);
        } catch (Problem e) {
            watch.takeOver(vm.id(), Kind.FREEZE);
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
            if (late(begun)) {
                throw new FreezeFailed(
                        vm, Code.UNAVAILABLE, "the freeze took too long", "Try again when the guest is less busy");
            }
            moment.run();
        } finally {
            thawed = thaw(vm.id());
        }
        // A guest that thaws by itself, as Windows does after ten seconds, leaves less to thaw than was frozen.
        boolean whole = !late(begun) && thawed >= count;
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
    }

    /** From its return on the guest may be touched; who returns from here has to end it. */
    private void begin(Vm vm, Kind kind) {
        if (notes.contains(vm.id(), kind)) {
            throw new Problem(
                    Code.BUSY,
                    "cannot bring VM " + vm + " to stand still",
                    "nobody has confirmed yet that it goes on after an earlier "
                            + (kind == Kind.PAUSE ? "pause" : "freeze"),
                    "Check libvirt and the guest agent; 'flatsnap doctor' tells when it is well again");
        }
        try {
            arm(vm, kind);
        } catch (Problem e) {
            // One that was found dead or hanging only now is being replaced.
            LOG.warn("{}: {}; trying again", e.what(), e.why());
            arm(vm, kind);
        }
    }

    private void arm(Vm vm, Kind kind) {
        // Before the note, which would be taken for one that somebody left.
        watch.await();
        notes.begin(vm.id(), kind);
        try {
            watch.begin(vm.id(), kind);
        } catch (Problem e) {
            end(vm.id(), kind);
            throw e;
        }
    }

    private Quiescence paused(Vm vm, Consistency asked, String note, boolean strict, Runnable moment) {
        try {
            begin(vm, Kind.PAUSE);
        } catch (Problem e) {
            if (strict) {
                throw e;
            }
            LOG.warn("{}: {}; going on without a pause", e.what(), e.why());
            moment.run();
            String both = (note.isEmpty() ? "" : note + "; ") + "not paused: " + e.why();
            return new Quiescence(asked, Consistency.CRASH, VmState.RUNNING, 0, 0, true, both);
        }
        long begun = System.nanoTime();
        try {
            guests.suspend(vm.id());
        } catch (Problem e) {
            // What has failed or was not answered can take effect late.
            watch.takeOver(vm.id(), Kind.PAUSE);
            if (isOff(vm)) {
                // It was shut down since it was looked at, for a rollback or by somebody else.
                return atRest(vm, VmState.OFF, asked, true, moment);
            }
            throw e;
        }
        boolean held = false;
        try {
            moment.run();
            held = guests.state(vm.id()) == VmState.PAUSED;
        } finally {
            resume(vm.id());
        }
        return new Quiescence(asked, Consistency.CRASH, VmState.RUNNING, 0, millisSince(begun), !held, note);
    }

    private boolean isOff(Vm vm) {
        try {
            return guests.state(vm.id()) == VmState.OFF;
        } catch (Problem e) {
            LOG.debug("VM {} may be off", vm, e);
            return false;
        }
    }

    private boolean late(long begun) {
        return System.nanoTime() - begun > patience.toNanos();
    }

    /** @return how many file systems were thawed; 0 if that has to be tried again, which then goes on by itself */
    private int thaw(VmId vm) {
        try {
            int thawed = guests.thaw(vm, patience);
            end(vm, Kind.FREEZE);
            return thawed;
        } catch (Problem e) {
            LOG.warn("VM {} may still be frozen: {}", vm, e.getMessage());
            watch.takeOver(vm, Kind.FREEZE);
            return 0;
        }
    }

    private void resume(VmId vm) {
        try {
            if (guests.state(vm) == VmState.PAUSED) {
                guests.resume(vm);
            }
            end(vm, Kind.PAUSE);
        } catch (Problem e) {
            LOG.warn("VM {} may still be paused: {}", vm, e.getMessage());
            watch.takeOver(vm, Kind.PAUSE);
        }
    }

    /** The note last: as long as it stands nothing new begins for the guest. */
    private void end(VmId vm, Kind kind) {
        watch.end(vm, kind);
        notes.end(vm, kind);
    }

    @Override
    public void recover() {
        watch.start();
    }

    @Override
    public Set<VmId> unconfirmed() {
        Set<VmId> open = new TreeSet<>(notes.open(Kind.FREEZE));
        open.addAll(notes.open(Kind.PAUSE));
        return open;
    }

    private static long millisSince(long begun) {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
    }

    /** Ends the watch; the notes keep what is open. */
    @Override
    public void close() {
        watch.close();
    }
}
