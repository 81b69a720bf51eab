package org.flatsnap.store;

import static java.util.Objects.requireNonNull;

import java.util.Map;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;

/**
 * What other hosts have done to a store.
 *
 * @param everything whether anything may have changed, so that only a look at all of it tells
 * @param snapshots those that were published, replaced or unpublished; what became of each the store tells
 */
public record Changes(boolean everything, Map<SnapshotId, VmId> snapshots) {
    /** Nothing. */
    public static final Changes NONE = new Changes(false, Map.of());

    /** Checks that nothing is missing. */
    public Changes {
        requireNonNull(snapshots, "snapshots");
    }
}
