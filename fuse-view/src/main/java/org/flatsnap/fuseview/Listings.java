package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Listings that programs are in the middle of. The kernel does not say who reads on, because it asks for no directory to be opened where it
 * keeps listings, so one listing serves all who read the same directory. One that is not here any more is made anew,
 * which {@link Listing}'s positions allow at any place. Safe for use by several threads.
 */
final class Listings {

    private static final long MOST_BYTES = 64L << 20;

    private final Map<Long, Listing> listings = new LinkedHashMap<>(16, 0.75F, true);
    private long bytes;

    /** Fills {@code target} with whole entries after {@code position}; none are left when it stays empty. */
    void read(KnownNode node, ByteBuffer target, long position) throws IOException {
        Listing listing = position == 0 ? null : find(node.id());
        if (listing == null) {
            listing = Listing.of(node);
            keep(node.id(), listing);
        }
        int before = target.position();
        listing.copy(target, position);
        if (target.position() == before) {
            forget(node.id());
        }
    }

    synchronized void forget(long id) {
        Listing removed = listings.remove(id);
        if (removed != null) {
            bytes -= removed.size();
        }
    }

    private synchronized Listing find(long id) {
        return listings.get(id);
    }

    private synchronized void keep(long id, Listing listing) {
        forget(id);
        listings.put(id, listing);
        bytes += listing.size();
        Iterator<Listing> oldest = listings.values().iterator();
        // The last is the new one.
        while (bytes > MOST_BYTES && listings.size() > 1) {
            bytes -= oldest.next().size();
            oldest.remove();
        }
    }
}
