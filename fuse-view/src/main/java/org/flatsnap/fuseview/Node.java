package org.flatsnap.fuseview;

import java.io.IOException;
import java.util.Optional;

/**
 * One file, directory or link of a {@link Tree}.
 *
 * <p>A node is identified by its {@linkplain Attributes#inode() inode number}, not by its Java object or name: a tree may
 * make a new object for each look-up. Two names that lead to the same number are one file with two links (never allowed
 * for directories, which have one parent). A number must not come back for other content while the older content may
 * still be in use, because a program that has the older file open would then read a mixture of the two.
 *
 * <p>The mount keeps a node for as long as the kernel refers to it, which may be long after it has left the tree.
 * Methods of a node that is gone may throw {@link java.nio.file.NoSuchFileException}.
 *
 * <p>How exceptions of any method reach the program that asked: {@link java.nio.file.NoSuchFileException} as ENOENT,
 * {@link java.nio.file.AccessDeniedException} as EACCES, {@link java.nio.file.NotDirectoryException} as ENOTDIR,
 * {@link java.nio.file.FileSystemLoopException} as ELOOP; everything else, errors included, is logged and answered EIO.
 */
public sealed interface Node permits Directory, RegularFile, SymbolicLink {

    /** What a node can be. */
    enum Kind {
        DIRECTORY,
        REGULAR_FILE,
        SYMBOLIC_LINK
    }

    /** The kind of this node; it never changes. */
    Kind kind();

    /**
     * The present attributes of this node.
     *
     * @throws IOException if they cannot be had
     */
    Attributes attributes() throws IOException;

    /**
     * Whether what is told of this node stays true until {@link MountedTree} is told otherwise. Otherwise its name,
     * attributes and entries are asked for each time, whatever {@link Tree#validity} says, and a directory shows the time
     * of asking as that of its last change.
     */
    default boolean isKept() {
        return true;
    }

    /**
     * What this node's attributes and content come from, where that may hang while the rest of the tree does not: a disk, a
     * server. Nodes of equal sources share a number of the mount's threads, and are answered EIO at once as long as one
     * request that goes there is past its deadline ({@link MountOptions#deadline}). Told without going there; its text
     * names it in the log.
     */
    default Optional<Object> source() {
        return Optional.empty();
    }
}
