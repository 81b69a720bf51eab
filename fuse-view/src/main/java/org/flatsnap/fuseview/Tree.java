package org.flatsnap.fuseview;

import java.io.IOException;
import java.time.Duration;

/**
 * A read-only tree of directories, regular files and symbolic links that can be mounted with {@link MountedTree}.
 *
 * <p>Several threads of the mount call a tree and its nodes at once; implementations must be safe for that. A call that
 * takes long delays the program that asked, until the mount's deadline at most, and occupies one of the mount's threads
 * until it returns ({@link MountOptions}).
 */
public interface Tree {

    /** The directory that appears at the mount point, asked once for each mount. Its inode number must differ from that of every other node. */
    Directory root();

    /**
     * How long the kernel may keep names, attributes and listings without asking again. Asked once for each mount. Where
     * this is zero, a node that {@link Directory#child} finds is seen at once, and one that it no longer finds is gone at
     * once; otherwise the tree has to tell {@link MountedTree} what has changed. That a name is missing is never kept.
     */
    default Duration validity() {
        return Duration.ZERO;
    }

    /**
     * What df(1) shows.
     *
     * @throws IOException if it cannot be told
     */
    default Capacity capacity() throws IOException {
        return Capacity.NONE;
    }
}
