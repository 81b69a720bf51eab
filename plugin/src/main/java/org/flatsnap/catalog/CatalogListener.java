package org.flatsnap.catalog;

import java.util.Optional;
import org.flatsnap.model.Snapshot;

/**
 * Is told of changes, after they are durable and before the call that made or met them returns, on that call's thread. Must be
 * quick and must not throw; calls may come from several threads at once.
 */
public interface CatalogListener {
    /**
     * A snapshot was added, replaced or removed.
     *
     * @param before as it was; empty if it was added
     * @param after as it is; empty if it was removed
     */
    void changed(Optional<Snapshot> before, Optional<Snapshot> after);

    /** The whole catalog was replaced, or a change failed that may yet take effect. */
    void replaced();

    /** It was found damaged, so that a rebuild is due. */
    void damaged();
}
