package org.flatsnap.model;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import java.util.Optional;

/**
 * One disk as a snapshot holds it: a complete raw image.
 *
 * @param disk the disk's name in its VM
 * @param store where the image lies
 * @param source the absolute path the live disk had; a rollback puts the image back there
 * @param bytes the size of the raw image
 * @param guid the number by which ZFS knows the snapshot that holds it, whatever that is called; empty on other stores
 */
public record DiskImage(DiskName disk, StoreId store, String source, long bytes, Optional<String> guid) {
    /** An image that its store finds by the snapshot's id. */
    public DiskImage(DiskName disk, StoreId store, String source, long bytes) {
        this(disk, store, source, bytes, Optional.empty());
    }

    /** Checks that nothing is missing. */
    public DiskImage {
        requireNonNull(disk, "disk");
        requireNonNull(store, "store");
        requireNonNull(source, "source");
        // JSON leaves out what is empty.
        guid = requireNonNullElse(guid, Optional.empty());
    }
}
