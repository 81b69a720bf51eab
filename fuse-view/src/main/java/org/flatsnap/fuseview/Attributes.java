package org.flatsnap.fuseview;

import java.time.Instant;
import java.util.Objects;

/**
 * What stat(2) shows of a node. The kind comes from the node itself, the number of links is always 1 (which tells find(1)
 * not to count sub-directories by it), and the time of last access equals {@code modified}.
 *
 * @param inode unique in the tree, not 0; the identity of the node, see {@link Node}
 * @param permissions the lower twelve bits of st_mode, for example {@code 0444}; the kernel checks them for each program
 * @param uid owner
 * @param gid group
 * @param size bytes
 * @param blocks512 storage in use in units of 512 bytes, what du(1) adds up
 * @param modified time of the last change of content
 * @param changed time of the last change of content or attributes
 */
public record Attributes(
        long inode, int permissions, int uid, int gid, long size, long blocks512, Instant modified, Instant changed) {

    private static final int PERMISSION_BITS = 07777;

    /** @throws IllegalArgumentException if a number is out of its range */
    public Attributes {
        requireInode(inode);
        if ((permissions & ~PERMISSION_BITS) != 0) {
            throw new IllegalArgumentException("not permissions: 0" + Integer.toOctalString(permissions));
        }
        if (size < 0 || blocks512 < 0) {
            throw new IllegalArgumentException("negative size " + size + " or blocks " + blocks512);
        }
        Objects.requireNonNull(modified, "modified");
        Objects.requireNonNull(changed, "changed");
    }

    static void requireInode(long inode) {
        if (inode == 0) {
            // readdir(3) and many programs take an entry with number 0 for a deleted one.
            throw new IllegalArgumentException("inode number 0");
        }
    }
}
