package org.flatsnap.store;

import static java.util.Objects.requireNonNull;

/**
 * What a store's file system is and has.
 *
 * @param fileSystem its type in lower case: {@code xfs}, {@code btrfs}, {@code ocfs2}
 * @param readOnly true if snapshots can be read and not taken
 * @param totalBytes its size
 * @param availableBytes what is free
 */
public record StoreStatus(String fileSystem, boolean readOnly, long totalBytes, long availableBytes) {
    /** Checks that nothing is missing. */
    public StoreStatus {
        requireNonNull(fileSystem, "fileSystem");
    }
}
