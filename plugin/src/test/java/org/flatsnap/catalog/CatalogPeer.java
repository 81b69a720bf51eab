package org.flatsnap.catalog;

import java.nio.file.Path;
import java.util.List;
import org.flatsnap.model.Snapshot;

/** The catalog itself. */
final class CatalogPeer implements Peer {
    static final String FILE = "catalog.db";

    private final Catalog catalog;

    CatalogPeer(Path directory) {
        this.catalog = Catalog.open(directory.resolve(FILE));
    }

    @Override
    public List<Snapshot> answer(Question.Asked asked) {
        return asked.question() == Question.POINT
                ? catalog.find(asked.id()).stream().toList()
                : catalog.query(asked.query()).snapshots();
    }

    @Override
    public void insert(Snapshot snapshot) {
        catalog.put(snapshot);
    }

    @Override
    public void close() {
        catalog.close();
    }
}
