package org.flatsnap.manager;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * The software that owns the VMs. Every method but {@link #vms} asks it afresh, and all throw {@link Problem} when it does not
 * answer. Safe for use by several threads.
 */
public interface Manager {
    /** Every VM, in order of name, as they are or were two seconds ago. */
    List<Vm> vms();

    /** The same, as they are. */
    default List<Vm> vmsNow() {
        return vms();
    }

    /** One VM, if it exists. */
    Optional<Vm> find(VmId vm);

    /** What this manager is, for people: {@code libvirt 9.0.0 at qemu:///system}. */
    String describe();

    /** Shuts the guest down, and cuts its power if it has not stopped after {@code patience}. Off already is fine. */
    void stop(VmId vm, Duration patience);

    /** Starts a VM that is off. */
    void start(VmId vm);

    /** Makes an earlier definition of the VM the present one; its present name stays. */
    void restoreDefinition(Vm vm, String definition);

    /** What {@link #prepareClone} found out. */
    record CloneDefinition(String definition, List<String> warnings) {}

    /**
     * Writes the definition of a new VM from that of another: new identity, name and network addresses, other disks. Writable
     * disks without a new file are left out, so that two VMs never write to one.
     *
     * @param definition of the VM to be cloned
     * @param disks the new file of each disk
     * @param firmware the new NVRAM file, if the VM has one
     */
    CloneDefinition prepareClone(
            String definition, VmId id, VmName name, Map<DiskName, Path> disks, Optional<Path> firmware);

    /** Makes a VM of a definition from {@link #prepareClone}. */
    void define(String definition);

    /** The one that takes this manager's snapshots where it takes them itself; else flatsnap takes them. */
    default Optional<SnapshotKeeper> snapshots() {
        return Optional.empty();
    }
}
