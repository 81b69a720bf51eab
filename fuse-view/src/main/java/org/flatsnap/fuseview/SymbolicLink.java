package org.flatsnap.fuseview;

import java.io.IOException;

/** A node that stands for another path. Its {@link Attributes#size() size} is the length of the target in UTF-8 bytes. */
public non-sealed interface SymbolicLink extends Node {

    @Override
    default Kind kind() {
        return Kind.SYMBOLIC_LINK;
    }

    /**
     * The path this link stands for, relative to its own directory or absolute; never empty.
     *
     * @throws IOException if it cannot be had
     */
    String target() throws IOException;
}
