package org.flatsnap.engine;

import java.util.List;
import org.flatsnap.model.Disk;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;

/**
 * A VM and what flatsnap can do with its disks.
 *
 * @param vm identity
 * @param name display name
 * @param state whether it runs
 * @param snapshots how many it has
 * @param disks each with what can be done with it
 */
public record VmReport(VmId vm, VmName name, VmState state, long snapshots, List<DiskReport> disks) {
    /**
     * One disk.
     *
     * @param disk as the manager describes it
     * @param use {@code snapshot} if it is part of snapshots, {@code skipped} or {@code unsuitable}
     * @param why the reason if it is not part of snapshots, else empty
     * @param remedy what would make it suitable, else empty
     */
    public record DiskReport(Disk disk, String use, String why, String remedy) {}
}
