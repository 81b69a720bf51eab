package org.flatsnap.server;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.flatsnap.hypervisor.Guests;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;

/** VMs that exist in memory only, on real disks. A VM's definition is its own JSON. */
public final class FakeManager implements Manager, Guests {
    private final Map<VmId, Vm> vms = new ConcurrentHashMap<>();
    private volatile RuntimeException failure;
    private volatile CountDownLatch stopGate = new CountDownLatch(0);

    /** Adds or replaces a VM. */
    public void put(VmId id, String name, VmState state, List<Disk> disks) {
        put(id, name, state, disks, Optional.empty());
    }

    /** The same with NVRAM in a file. */
    public void put(VmId id, String name, VmState state, List<Disk> disks, Optional<String> firmware) {
        Vm bare = new Vm(id, new VmName(name), state, true, false, Vm.Agent.NONE, disks, firmware, "");
        vms.put(id, withDefinition(bare));
    }

    /** Takes a VM away. */
    public void remove(VmId id) {
        vms.remove(id);
    }

    /** The VM that a definition is of. */
    public Vm parsed(String definition) {
        return Json.COMPACT.fromJson(definition, Vm.class);
    }

    private static Vm withDefinition(Vm vm) {
        return new Vm(
                vm.id(),
                vm.name(),
                vm.state(),
                vm.persistent(),
                vm.savedMemory(),
                vm.agent(),
                vm.disks(),
                vm.firmware(),
                Json.COMPACT.toJson(vm));
    }

    /** From now on every question ends so; null for answers again. */
    public void failWith(RuntimeException exception) {
        failure = exception;
    }

    /** From now on no VM stops before the latch opens. */
    public void holdStopsUntil(CountDownLatch gate) {
        stopGate = gate;
    }

    private void answer() {
        RuntimeException present = failure;
        if (present != null) {
            throw present;
        }
    }

    private void change(VmId id, VmState state) {
        vms.computeIfPresent(
                id,
                (same, vm) -> withDefinition(
                        new Vm(id, vm.name(), state, true, false, vm.agent(), vm.disks(), vm.firmware(), "")));
    }

    @Override
    public List<Vm> vms() {
        answer();
        return vms.values().stream()
                .sorted(Comparator.comparing(Vm::name).thenComparing(Vm::id))
                .toList();
    }

    @Override
    public Optional<Vm> find(VmId vm) {
        answer();
        return Optional.ofNullable(vms.get(vm));
    }

    @Override
    public String describe() {
        return "a manager in memory";
    }

    @Override
    public void stop(VmId vm, Duration patience) {
        try {
            if (!stopGate.await(1, TimeUnit.MINUTES)) {
                throw new AssertionError("nobody let the VM stop");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
        change(vm, VmState.OFF);
    }

    @Override
    public void start(VmId vm) {
        change(vm, VmState.RUNNING);
    }

    @Override
    public void restoreDefinition(Vm vm, String definition) {
        Vm earlier = Json.COMPACT.fromJson(definition, Vm.class);
        put(vm.id(), vm.name().value(), vm.state(), earlier.disks(), earlier.firmware());
    }

    @Override
    public CloneDefinition prepareClone(
            String definition, VmId id, VmName name, Map<DiskName, Path> disks, Optional<Path> firmware) {
        Vm original = Json.COMPACT.fromJson(definition, Vm.class);
        List<Disk> replaced = original.disks().stream()
                .filter(disk -> disks.containsKey(disk.name()))
                .map(disk -> at(disk, disks.get(disk.name())))
                .toList();
        Optional<String> file = firmware.map(Path::toString);
        Vm clone = new Vm(id, name, VmState.OFF, true, false, Vm.Agent.NONE, replaced, file, "");
        return new CloneDefinition(Json.COMPACT.toJson(clone), List.of("it has no network"));
    }

    private static Disk at(Disk disk, Path source) {
        return new Disk(disk.name(), disk.kind(), source.toString(), disk.format(), disk.removable(), disk.readOnly());
    }

    @Override
    public void define(String definition) {
        Vm vm = Json.COMPACT.fromJson(definition, Vm.class);
        vms.put(vm.id(), withDefinition(vm));
    }

    /** A raw disk: a device if it lies where they do. */
    public static Disk rawDisk(String name, Path file) {
        Disk.Kind kind = file.startsWith("/dev") ? Disk.Kind.BLOCK : Disk.Kind.FILE;
        return new Disk(new DiskName(name), kind, file.toString(), "raw", false, false);
    }

    @Override
    public VmState state(VmId vm) {
        return find(vm).map(Vm::state).orElse(VmState.OFF);
    }

    @Override
    public void suspend(VmId vm) {
        change(vm, VmState.PAUSED);
    }

    @Override
    public void resume(VmId vm) {
        change(vm, VmState.RUNNING);
    }

    @Override
    public int freeze(VmId vm, Duration patience) {
        throw noAgent();
    }

    @Override
    public int thaw(VmId vm, Duration patience) {
        throw noAgent();
    }

    @Override
    public boolean frozen(VmId vm, Duration patience) {
        throw noAgent();
    }

    private static Problem noAgent() {
        return new Problem(Problem.Code.UNAVAILABLE, "cannot reach the agent", "there is none", "Install it");
    }
}
