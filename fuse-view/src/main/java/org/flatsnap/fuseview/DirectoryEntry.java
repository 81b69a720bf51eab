package org.flatsnap.fuseview;

import java.util.Objects;

/**
 * One line of a directory listing.
 *
 * @param name one path component, at most 255 bytes in UTF-8 (NAME_MAX of {@code linux/limits.h})
 * @param kind what {@link Directory#child} gives for this name
 * @param inode the same number as {@link Attributes#inode()} of that node
 */
public record DirectoryEntry(String name, Node.Kind kind, long inode) {

    /** @throws IllegalArgumentException if the name cannot be a path component, or the inode number is 0 */
    public DirectoryEntry {
        Objects.requireNonNull(kind, "kind");
        if (name.isEmpty() || name.equals(".") || name.equals("..")) {
            throw new IllegalArgumentException("not a name for a directory entry: '" + name + "'");
        }
        if (name.indexOf('/') >= 0 || name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a slash or a zero in the name of a directory entry: '" + name + "'");
        }
        Attributes.requireInode(inode);
    }
}
