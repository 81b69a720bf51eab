package org.flatsnap.model;

import static java.util.Objects.requireNonNull;

/**
 * One disk as a snapshot holds it: a complete raw image.
 *
 * @param disk the disk's name in its VM
 * @param store where the image lies
 * @param source the absolute path the live disk had; a rollback puts the image back there
 * @param bytes the size of the raw image
 */
public record DiskImage(DiskName disk, StoreId store, String source, long bytes) {
    /** Checks that nothing is missing. */
    public DiskImage {
        requireNonNull(disk, "disk");
        requireNonNull(store, "store");
        requireNonNull(source, "source");
    }
}
