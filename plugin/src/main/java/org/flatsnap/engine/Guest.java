package org.flatsnap.engine;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;

/**
 * What Proxmox VE's configuration of a guest says, as far as its storage plugin could read it.
 *
 * @param vmid its number, 100 to 999999999, which Proxmox VE gives to another guest when this one is gone
 * @param name its display name
 * @param ctime when it was made, in seconds since 1970: with the number it tells it from others of that number
 * @param running whether it writes to its disks now
 * @param snapstate what Proxmox VE is doing with the snapshot, {@code prepare} for one; empty if it is at none
 */
public record Guest(
        int vmid, Optional<VmName> name, Optional<Long> ctime, Optional<Boolean> running, Optional<String> snapstate) {
    private static final int LOWEST = 100;
    private static final int HIGHEST = 999_999_999;

    /** Checks the number. */
    public Guest {
        if (vmid < LOWEST || vmid > HIGHEST) {
            throw new Problem(
                    Code.INVALID,
                    "bad guest number " + vmid,
                    "Proxmox VE's begin at " + LOWEST + " and end at " + HIGHEST,
                    "Send the vmid of the guest's configuration");
        }
        requireNonNull(name, "name");
        requireNonNull(ctime, "ctime");
        requireNonNull(running, "running");
        requireNonNull(snapstate, "snapstate");
    }

    /** One of which nothing but the number is known. */
    static Guest numbered(int vmid) {
        return new Guest(vmid, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    /** Its identity among the snapshots: number and time, or the number alone. */
    public VmId id() {
        return new VmId(ctime.map(seconds -> vmid + "-" + seconds).orElse(Integer.toString(vmid)));
    }

    /** Whether an id is that of a guest of this number, of whatever time. */
    static boolean numbered(int vmid, VmId id) {
        return id.value().matches(vmid + "(-[0-9]+)?");
    }

    /** The identity that all guests of a number share. */
    static VmId anyOf(int vmid) {
        return new VmId(Integer.toString(vmid));
    }

    /** Whether Proxmox VE takes disk by disk right now. */
    boolean beingTaken() {
        return snapstate.isPresent();
    }

    /**
     * What stands for it where a VM is needed. One that may be running counts as running.
     *
     * @param known its identity among the snapshots
     */
    Vm vm(VmId known) {
        return standIn(known, name.orElseGet(() -> new VmName(Integer.toString(vmid))), running.orElse(true));
    }

    /** A VM of which no manager is asked anything; the volumes are named by themselves. */
    static Vm standIn(VmId id, VmName name, boolean running) {
        return new Vm(
                id,
                name,
                running ? VmState.RUNNING : VmState.OFF,
                true,
                false,
                Vm.Agent.NONE,
                List.of(),
                Optional.empty(),
                "");
    }
}
