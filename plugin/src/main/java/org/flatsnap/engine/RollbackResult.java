package org.flatsnap.engine;

import java.util.List;
import java.util.Optional;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;

/**
 * A rollback that was done.
 *
 * @param vm whose disks
 * @param snapshot what they are like now
 * @param guard the snapshot of the state before, which 'undo' goes back to
 * @param started whether the VM was started again
 * @param warnings what did not go as wished and does not touch the disks
 */
public record RollbackResult(
        VmId vm, SnapshotId snapshot, Optional<SnapshotId> guard, boolean started, List<String> warnings) {
    /** Copies the list. */
    public RollbackResult {
        warnings = List.copyOf(warnings);
        // JSON leaves out what is empty.
        guard = guard == null ? Optional.empty() : guard;
    }
}
