package org.flatsnap.engine;

import java.util.List;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;

/**
 * The room that snapshots of one VM take. A snapshot shares most of its bytes with others, so the parts add up to less than
 * the whole.
 *
 * @param snapshots each by itself, newest first
 * @param freed what deleting all of these together would free, in bytes
 */
public record SpaceReport(List<SnapshotSpace> snapshots, long freed) {
    /**
     * One of them.
     *
     * @param exclusive what deleting it alone would free, in bytes
     */
    public record SnapshotSpace(SnapshotId id, SnapshotName name, long exclusive) {}

    /** Copies the list. */
    public SpaceReport {
        snapshots = List.copyOf(snapshots);
    }
}
