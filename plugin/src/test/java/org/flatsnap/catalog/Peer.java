package org.flatsnap.catalog;

import java.nio.file.Path;
import java.util.List;
import org.flatsnap.model.Snapshot;

/** What keeps snapshots and answers questions about them, in the catalog's benchmark. For use by any number of threads. */
interface Peer extends AutoCloseable {
    /** All of them snapshots with all their parts. */
    List<?> answer(Question.Asked asked);

    /** Durable on return. */
    void insert(Snapshot snapshot);

    @Override
    void close();

    /** Opens the one of this name over what it left in a directory. */
    static Peer open(String name, Path directory) {
        return switch (name) {
            case "flatsnap" -> new CatalogPeer(directory);
            case "api" -> new ApiPeer(directory);
            default -> new SqlitePeer(directory);
        };
    }
}
