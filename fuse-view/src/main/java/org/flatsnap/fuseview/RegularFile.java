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
}
