package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import org.flatsnap.linux.FileStatus;

/**
 * What tells whether a file is still the same and unchanged.
 *
 * @param inode its number
 * @param size in bytes
 * @param modified time of the last write
 */
public record FileStamp(long inode, long size, Instant modified) {
    /** The stamp of a file now; empty if there is none. */
    public static Optional<FileStamp> of(Path file) throws IOException {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        FileStatus status = FileStatus.of(file);
        return Optional.of(new FileStamp(status.inode(), status.size(), status.modified()));
    }
}
