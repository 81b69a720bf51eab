package org.flatsnap.fuseview;

/**
 * A read-only tree of directories, regular files and symbolic links that can be mounted with {@link MountedTree}.
 *
 * <p>Several threads of the mount call a tree and its nodes at once; implementations must be safe for that. A call that
 * takes long delays the program that asked and occupies one of the mount's threads ({@link MountOptions#threads()}), so
 * a tree over a store that may hang must give up by itself with an {@link java.io.IOException}.
 *
 * <p>Nothing is cached by name or attribute in the kernel: a node that {@link Directory#child} finds is seen at once, and
 * one that it no longer finds is gone at once.
 */
public interface Tree {

    /** The directory that appears at the mount point, asked once for each mount. Its inode number must differ from that of every other node. */
    Directory root();
}
