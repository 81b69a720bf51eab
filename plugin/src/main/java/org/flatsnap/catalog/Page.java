package org.flatsnap.catalog;

import java.util.List;
import java.util.Optional;
import org.flatsnap.model.Snapshot;

/**
 * One page of a query's answer.
 *
 * @param snapshots at most as many as the query's limit, in its order
 * @param next the cursor of the next page; empty if this is the last
 */
public record Page(List<Snapshot> snapshots, Optional<String> next) {
    /** Copies the list. */
    public Page {
        snapshots = List.copyOf(snapshots);
    }
}
