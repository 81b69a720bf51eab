package org.flatsnap.store;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import org.flatsnap.model.DiskName;

/**
 * A live disk to be cloned.
 *
 * @param disk its name in the VM
 * @param path its raw file, absolute, without symbolic links, or its volume's link below /dev/zvol
 */
public record DiskSource(DiskName disk, Path path) {
    /** Checks that nothing is missing. */
    public DiskSource {
        requireNonNull(disk, "disk");
        requireNonNull(path, "path");
    }
}
