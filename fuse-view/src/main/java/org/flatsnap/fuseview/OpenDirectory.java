package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.ByteBuffer;

/** A directory that a program lists. Reading from the start lists anew, as rewinddir(3) wants. */
final class OpenDirectory {

    private final KnownNode node;
    private Listing listing;

    OpenDirectory(KnownNode node) {
        this.node = node;
    }

    KnownNode node() {
        return node;
    }

    /** Fills {@code target} with whole entries from {@code position}; none are left when it stays empty. */
    synchronized void read(ByteBuffer target, long position) throws IOException {
        if (position == 0) {
            listing = null;
        }
        if (listing == null) {
            listing = Listing.of(node);
        }
        listing.copy(target, position);
    }
}
