package org.flatsnap.model;

import static java.util.Objects.requireNonNull;

import com.google.gson.annotations.SerializedName;

/**
 * One virtual disk of a VM as its manager describes it now.
 *
 * @param name its name in the VM
 * @param kind what stands behind it
 * @param source the file's or device's absolute path, or what the manager calls it; empty if nothing is inserted
 * @param format the image format, {@code raw} or {@code qcow2} for instance
 * @param removable a CD-ROM or floppy drive: not part of snapshots
 * @param readOnly the guest cannot write to it: not part of snapshots
 */
public record Disk(DiskName name, Kind kind, String source, String format, boolean removable, boolean readOnly) {
    /** What stands behind a disk. */
    public enum Kind {
        /** A file. */
        @SerializedName("file")
        FILE,
        /** A block device of the host. */
        @SerializedName("block")
        BLOCK,
        /** Anything else: a network volume, a libvirt storage pool's volume, a directory. */
        @SerializedName("other")
        OTHER
    }

    /** Checks that nothing is missing. */
    public Disk {
        requireNonNull(name, "name");
        requireNonNull(kind, "kind");
        requireNonNull(source, "source");
        requireNonNull(format, "format");
    }
}
