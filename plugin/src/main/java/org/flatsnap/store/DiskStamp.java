package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import org.flatsnap.linux.FileStatus;

/**
 * What tells whether a live disk is still the same and unchanged.
 *
 * @param identity a file's inode number, a volume's guid
 * @param size in bytes
 * @param modified time of the last write; a volume has none, what was written since a snapshot is asked of ZFS
 */
public record DiskStamp(long identity, long size, Instant modified) {
    /** The stamp of a file now; empty if there is none. */
    static Optional<DiskStamp> of(Path file) throws IOException {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        FileStatus status = FileStatus.of(file);
        return Optional.of(new DiskStamp(status.inode(), status.size(), status.modified()));
    }
}
