package org.flatsnap.server;

import java.nio.file.Path;
import java.util.Optional;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.SnapshotId;

/** Shows images as files that have none of their own on storage. Used by several threads. */
@FunctionalInterface
public interface ShownImages {
    /** Where an image can be read now; empty if none is shown. */
    Optional<Path> file(SnapshotId snapshot, DiskName disk);
}
