package org.flatsnap.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.engine.SpaceReport.SnapshotSpace;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;
import org.flatsnap.store.Store;

/** Tells what deleting snapshots would free, by asking their stores who shares what. */
final class MeasureSpace {
    private final References references;
    private final Stores stores;
    private final Catalog catalog;

    MeasureSpace(References references, Stores stores, Catalog catalog) {
        this.references = references;
        this.stores = stores;
        this.catalog = catalog;
    }

    /** @param names which snapshots; empty for all of the VM */
    SpaceReport measure(String vm, List<String> names) {
        VmId id = references.vmId(vm);
        List<Snapshot> snapshots = names.isEmpty()
                ? all(id)
                : names.stream()
                        .map(name -> references.snapshot(id, name))
                        .distinct()
                        .toList();
        Set<SnapshotId> ids = snapshots.stream().map(Snapshot::id).collect(Collectors.toSet());
        Map<SnapshotId, Long> exclusive = new HashMap<>();
        long freed = 0;
        for (StoreId storeId : snapshots.stream()
                .flatMap(snapshot -> snapshot.stores().stream())
                .collect(Collectors.toSet())) {
            Store store = stores.require(storeId);
            store.exclusiveBytes().forEach((snapshot, bytes) -> exclusive.merge(snapshot, bytes, Long::sum));
            freed += store.freedByDeleting(ids);
        }
        return new SpaceReport(
                snapshots.stream()
                        .map(snapshot -> new SnapshotSpace(
                                snapshot.id(), snapshot.name(), exclusive.getOrDefault(snapshot.id(), 0L)))
                        .toList(),
                freed);
    }

    private List<Snapshot> all(VmId vm) {
        List<Snapshot> all = new ArrayList<>();
        SnapshotQuery query = SnapshotQuery.ALL.ofVms(Set.of(vm)).limitedTo(1000);
        while (true) {
            Page page = catalog.query(query);
            all.addAll(page.snapshots());
            if (page.next().isEmpty()) {
                return all;
            }
            query = query.from(page.next().get());
        }
    }
}
