package org.flatsnap.faults;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.flatsnap.hypervisor.Guests;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.flatsnap.server.FakeManager;
import org.flatsnap.testing.RunningGuest;

/**
 * VMs in memory that change their state as libvirt's do: only what runs can be paused, only what is off can be started, a
 * guest that is paused shuts down when it goes on, and a name belongs to one VM. A guest writes only while it runs.
 */
final class RaceMachines implements Manager, Guests {
    private final FakeManager vms = new FakeManager();
    private final Map<VmId, Machine> machines = new ConcurrentHashMap<>();
    private final Map<Gate, CountDownLatch> gates = new ConcurrentHashMap<>();
    private final Set<Gate> reached = ConcurrentHashMap.newKeySet();
    private final List<Hold> holds = new ArrayList<>();

    /**
     * How long flatsnap kept a guest paused, which it does with the VM's lock in its hand, or off, which it does with the
     * right to roll it back; nanoseconds.
     */
    record Hold(VmId vm, long from, long to) {}

    /** The power switch of one VM; changed and read under its monitor. */
    private static final class Machine {
        private long pausedAt;
        private long stoppedAt;
    }

    private Machine machine(VmId vm) {
        return machines.computeIfAbsent(vm, id -> new Machine());
    }

    /** Adds a VM. */
    void put(VmId id, String name, VmState state, List<Disk> disks) {
        vms.put(id, name, state, disks);
    }

    /** Removes one. */
    void undefine(VmId id) {
        vms.remove(id);
    }

    /** Does what a guest does, unless it does not run; it can neither be paused nor stopped meanwhile. */
    void whileRunning(VmId vm, Runnable work) {
        Machine machine = machine(vm);
        synchronized (machine) {
            if (vms.state(vm) == VmState.RUNNING) {
                work.run();
            }
        }
    }

    /** What flatsnap asks of a VM and can be made to wait. */
    enum Request {
        STOP,
        SUSPEND,
        CLONE
    }

    private record Gate(VmId vm, Request request) {}

    /** From now on this waits for the latch. */
    void hold(VmId vm, Request request, CountDownLatch gate) {
        gates.put(new Gate(vm, request), gate);
    }

    /** Nothing waits any more. */
    void holdNothing() {
        gates.values().forEach(CountDownLatch::countDown);
        gates.clear();
    }

    /** Returns when somebody waits there. */
    void awaitHeld(VmId vm, Request request) {
        RunningGuest.await(Duration.ofMinutes(1), request + " of " + vm, () -> reached.contains(new Gate(vm, request)));
    }

    private void pass(VmId vm, Request request) {
        CountDownLatch gate = gates.get(new Gate(vm, request));
        if (gate != null) {
            reached.add(new Gate(vm, request));
        }
        try {
            if (gate != null && !gate.await(2, TimeUnit.MINUTES)) {
                throw new AssertionError("nobody opened the gate for " + request + " of " + vm);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Every pause and every stop that has ended. */
    List<Hold> holds() {
        synchronized (holds) {
            return List.copyOf(holds);
        }
    }

    @Override
    public List<Vm> vms() {
        return vms.vms();
    }

    @Override
    public Optional<Vm> find(VmId vm) {
        return vms.find(vm);
    }

    @Override
    public String describe() {
        return vms.describe();
    }

    @Override
    public VmState state(VmId vm) {
        return vms.state(vm);
    }

    @Override
    public void suspend(VmId vm) {
        pass(vm, Request.SUSPEND);
        Machine machine = machine(vm);
        synchronized (machine) {
            if (vms.state(vm) != VmState.RUNNING) {
                throw refused("cannot pause VM " + vm, "domain is not running");
            }
            vms.suspend(vm);
            machine.pausedAt = System.nanoTime();
        }
    }

    @Override
    public void resume(VmId vm) {
        Machine machine = machine(vm);
        synchronized (machine) {
            if (vms.state(vm) != VmState.PAUSED) {
                throw refused("cannot resume VM " + vm, "domain is not paused");
            }
            held(vm, machine.pausedAt);
            vms.resume(vm);
            machine.notifyAll();
        }
    }

    @Override
    public void stop(VmId vm, Duration patience) {
        pass(vm, Request.STOP);
        Machine machine = machine(vm);
        synchronized (machine) {
            while (vms.state(vm) == VmState.PAUSED) {
                try {
                    machine.wait();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw refused("cannot shut down VM " + vm, "interrupted");
                }
            }
            vms.stop(vm, patience);
            machine.stoppedAt = System.nanoTime();
        }
    }

    private void held(VmId vm, long since) {
        synchronized (holds) {
            holds.add(new Hold(vm, since, System.nanoTime()));
        }
    }

    @Override
    public void start(VmId vm) {
        Machine machine = machine(vm);
        synchronized (machine) {
            if (vms.state(vm) != VmState.OFF) {
                throw refused("cannot start VM " + vm, "domain is already running");
            }
            held(vm, machine.stoppedAt);
            vms.start(vm);
        }
    }

    private static Problem refused(String what, String why) {
        return new Problem(Code.UNAVAILABLE, what, why, "Look at the VM");
    }

    @Override
    public void restoreDefinition(Vm vm, String definition) {
        vms.restoreDefinition(vm, definition);
    }

    @Override
    public CloneDefinition prepareClone(
            String definition, VmId id, VmName name, Map<DiskName, Path> disks, Optional<Path> firmware) {
        pass(vms.parsed(definition).id(), Request.CLONE);
        return vms.prepareClone(definition, id, name, disks, firmware);
    }

    @Override
    public synchronized void define(String definition) {
        VmName name = vms.parsed(definition).name();
        if (vms.vms().stream().anyMatch(other -> other.name().equals(name))) {
            throw refused("cannot define a VM", "domain '" + name + "' already exists");
        }
        vms.define(definition);
    }

    @Override
    public int freeze(VmId vm, Duration patience) {
        return vms.freeze(vm, patience);
    }

    @Override
    public int thaw(VmId vm, Duration patience) {
        return vms.thaw(vm, patience);
    }

    @Override
    public boolean frozen(VmId vm, Duration patience) {
        return vms.frozen(vm, patience);
    }
}
