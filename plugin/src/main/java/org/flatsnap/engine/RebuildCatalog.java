package org.flatsnap.engine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.StoreId;
import org.flatsnap.store.Store;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the catalog anew from storage. Snapshots on stores that are out of reach stay as the catalog had them.
 *
 * <p>One snapshot after the other goes from storage to the catalog, so that memory does not grow with their number.
 */
final class RebuildCatalog {
    private static final Logger LOG = LoggerFactory.getLogger(RebuildCatalog.class);
    private static final int STEP = 1000;

    private final Stores stores;
    private final Catalog catalog;
    private final BiConsumer<Store, Snapshot> dropOrphan;

    /** @param dropOrphan removes a part of a snapshot, unless its home has that snapshot */
    RebuildCatalog(Stores stores, Catalog catalog, BiConsumer<Store, Snapshot> dropOrphan) {
        this.stores = stores;
        this.catalog = catalog;
        this.dropOrphan = dropOrphan;
    }

    /** @return how many snapshots the catalog holds now */
    long rebuild(Progress progress) {
        progress.step("counting snapshots");
        List<Store> reachable = new ArrayList<>();
        long[] total = new long[1];
        for (Store store : stores.open()) {
            try {
                total[0] += store.countPublished();
                reachable.add(store);
            } catch (Problem e) {
                // An unmounted store is away, not empty.
                LOG.warn("the catalog keeps what it knows of {}: {}", store.place(), e.getMessage());
            }
        }
        long[] read = new long[1];
        long[] kept = new long[1];
        Stream<Snapshot> found = Stream.empty();
        for (Store store : reachable) {
            found = Stream.concat(found, snapshots(store, () -> {
                if (++read[0] % STEP == 0) {
                    progress.step(String.format(
                            Locale.ROOT, "read %,d of %,d snapshots", read[0], Math.max(read[0], total[0])));
                }
            }));
        }
        Set<StoreId> ids = reachable.stream().map(Store::id).collect(Collectors.toSet());
        try (Stream<Snapshot> all = Stream.concat(found, elsewhere(ids)).peek(snapshot -> kept[0]++)) {
            catalog.replaceAll(all.iterator());
        }
        progress.step(String.format(Locale.ROOT, "the catalog holds %,d snapshots", kept[0]));
        return kept[0];
    }

    /** The snapshots whose home is this store. Parts of those whose home does not have them were never published: they go. */
    private Stream<Snapshot> snapshots(Store store, Runnable read) {
        return store.scan(problem -> LOG.error("{}", problem.getMessage())).filter(snapshot -> {
            read.run();
            if (snapshot.home().equals(store.id())) {
                return true;
            }
            dropOrphan.accept(store, snapshot);
            return false;
        });
    }

    /** What the catalog knows of other stores. What others took is looked for anew. */
    private Stream<Snapshot> elsewhere(Set<StoreId> read) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(new Known(), Spliterator.ORDERED), false)
                .filter(snapshot -> !read.contains(snapshot.home()) && !snapshot.untouchable());
    }

    /** All that the catalog holds, as far as it can be read. */
    private final class Known implements Iterator<Snapshot> {
        private final Queue<Snapshot> page = new ArrayDeque<>(underWay());
        private Optional<SnapshotQuery> next = Optional.of(SnapshotQuery.ALL.limitedTo(STEP));

        private List<Snapshot> underWay() {
            try {
                return catalog.underWay();
            } catch (Problem e) {
                // The pages tell.
                LOG.debug("what is under way on stores out of reach is not read", e);
                return List.of();
            }
        }

        @Override
        public boolean hasNext() {
            while (page.isEmpty() && next.isPresent()) {
                next = turn(next.get());
            }
            return !page.isEmpty();
        }

        private Optional<SnapshotQuery> turn(SnapshotQuery query) {
            try {
                Page read = catalog.query(query);
                page.addAll(read.snapshots());
                return read.next().map(query::from);
            } catch (Problem e) {
                LOG.warn("snapshots on stores that are out of reach may be missing until these are back: {}", e.why());
                return Optional.empty();
            }
        }

        @Override
        public Snapshot next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return page.remove();
        }
    }
}
