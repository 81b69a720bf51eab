package org.flatsnap.engine;

import static java.util.Objects.requireNonNull;

import java.util.Optional;
import java.util.Set;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.SnapshotName;

/**
 * A wish for a snapshot.
 *
 * @param operation a retry with the same id gets the first result
 * @param vm the VM's name or id
 * @param name the snapshot's name; empty for one made from the time
 * @param labels description, tags, hold
 * @param level what consistency to aim for; empty for {@code filesystem} where an agent is connected, else {@code crash}
 * @param strict whether to fail rather than reach less than the level asked for
 * @param disks which disks; empty for all
 */
public record TakeRequest(
        OperationId operation,
        String vm,
        Optional<SnapshotName> name,
        Labels labels,
        Optional<Consistency> level,
        boolean strict,
        Set<DiskName> disks) {
    /** Checks that nothing is missing. */
    public TakeRequest {
        requireNonNull(operation, "operation");
        requireNonNull(vm, "vm");
        requireNonNull(name, "name");
        requireNonNull(labels, "labels");
        requireNonNull(level, "level");
        disks = Set.copyOf(disks);
    }
}
