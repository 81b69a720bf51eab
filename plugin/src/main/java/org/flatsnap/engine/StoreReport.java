package org.flatsnap.engine;

import org.flatsnap.model.StoreId;
import org.flatsnap.store.Store;
import org.flatsnap.store.StoreStatus;

/**
 * A store, as it is told.
 *
 * @param place where it is
 * @param store its identity
 * @param engine its file system: xfs, btrfs, ocfs2, zfs
 */
public record StoreReport(
        String place, StoreId store, String engine, long totalBytes, long usedBytes, long availableBytes) {
    static StoreReport of(Store store) {
        StoreStatus status = store.status();
        return new StoreReport(
                store.place().toString(),
                store.id(),
                status.fileSystem(),
                status.totalBytes(),
                Math.max(0, status.totalBytes() - status.availableBytes()),
                status.availableBytes());
    }
}
