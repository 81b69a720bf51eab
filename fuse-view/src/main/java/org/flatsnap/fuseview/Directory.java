package org.flatsnap.fuseview;

import java.io.IOException;
import java.util.Optional;
import java.util.function.Consumer;

/** A node that leads to others by name. */
public non-sealed interface Directory extends Node {

    @Override
    default Kind kind() {
        return Kind.DIRECTORY;
    }

    /**
     * Finds one child by its name, without a scan where that can be avoided: programs ask this far more often than they
     * list. A name may be found here though {@link #forEachEntry} does not show it.
     *
     * @param name one path component as the program wrote it: not empty, no slash, neither {@code .} nor {@code ..};
     *     bytes that are not valid UTF-8 never arrive here, they are answered ENOENT
     * @return the child, or empty where this directory has none of that name
     * @throws IOException if that cannot be told
     */
    Optional<Node> child(String name) throws IOException;

    /**
     * Gives every entry that a listing shows to {@code consumer}, in any order, without {@code .} and {@code ..}. The
     * entries need not be held in memory together; the mount keeps about 60 bytes for each. When this method throws, the
     * program that lists gets an error and no entry at all: never a part of the listing.
     *
     * @throws IOException if the entries cannot be read to the end
     */
    void forEachEntry(Consumer<DirectoryEntry> consumer) throws IOException;
}
