package org.flatsnap.fuseview;

import java.io.IOException;

/** A node with bytes. */
public non-sealed interface RegularFile extends Node {

    @Override
    default Kind kind() {
        return Kind.REGULAR_FILE;
    }

    /**
     * Opens this file for one program. Each call gives an independent object, which the mount closes.
     *
     * @throws IOException if it cannot be opened
     */
    OpenFile open() throws IOException;

    /**
     * Whether its content may be replaced by other content under the same inode number. Each program then reads what there
     * was when it opened the file, always from the tree, and cannot map it into memory for sharing; otherwise the kernel
     * keeps what was read.
     */
    default boolean isReplaced() {
        return false;
    }
}
