package org.flatsnap.fuseview;

import java.nio.file.FileSystemException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;

/**
 * A node the kernel refers to by {@code id}. The name is the one it was last found by, for messages only.
 *
 * @param parent null for the root
 */
record KnownNode(long id, long inode, Node node, KnownNode parent, String name) {

    Directory directory() throws NotDirectoryException {
        if (node instanceof Directory directory) {
            return directory;
        }
        throw new NotDirectoryException(path());
    }

    RegularFile regularFile() throws FileSystemException {
        if (node instanceof RegularFile file) {
            return file;
        }
        throw new FileSystemException(path(), null, "not a regular file");
    }

    SymbolicLink symbolicLink() throws NotLinkException {
        if (node instanceof SymbolicLink link) {
            return link;
        }
        throw new NotLinkException(path());
    }

    /** The inode number of the directory that {@code ..} of this one stands for. */
    long parentInode() {
        return parent == null ? inode : parent.inode;
    }

    int depth() {
        return parent == null ? 0 : parent.depth() + 1;
    }

    String path() {
        if (parent == null) {
            return "/";
        }
        String above = parent.path();
        return above.endsWith("/") ? above + name : above + '/' + name;
    }

    @Override
    public String toString() {
        return path();
    }
}
