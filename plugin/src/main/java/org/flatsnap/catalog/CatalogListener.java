package org.flatsnap.catalog;

import org.flatsnap.model.VmId;

/**
 * Is told of changes, after they are durable and before the call that made or met them returns, on that call's thread. Must be
 * quick and must not throw; calls may come from several threads at once.
 */
public interface CatalogListener {
    /** A snapshot of this VM was added, replaced or removed. */
    void changed(VmId vm);

    /** The whole catalog was replaced. */
    void replaced();

    /** It was found damaged, so that a rebuild is due. */
    void damaged();
}
