package org.flatsnap.engine;

import static java.util.Objects.requireNonNull;

import java.util.Set;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;

/**
 * A wish to have a VM's disks as they were.
 *
 * @param operation a retry with the same id gets the first result
 * @param vm the VM's name or id
 * @param snapshot its name or id, or {@code latest}
 * @param disks which disks; empty for all of the snapshot and the definition too
 * @param stop whether a running VM may be stopped for it and is started again afterwards
 */
public record RollbackRequest(OperationId operation, String vm, String snapshot, Set<DiskName> disks, boolean stop) {
    /** Checks that nothing is missing. */
    public RollbackRequest {
        requireNonNull(operation, "operation");
        requireNonNull(vm, "vm");
        requireNonNull(snapshot, "snapshot");
        disks = Set.copyOf(disks);
    }
}
