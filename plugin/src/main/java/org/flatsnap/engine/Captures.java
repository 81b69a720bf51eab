package org.flatsnap.engine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;
import org.flatsnap.store.Capture;
import org.flatsnap.store.DiskSource;
import org.flatsnap.store.Store;

/** The captures of one snapshot on all stores that take part, as one. The first store is home and is published last. */
final class Captures implements Capture {
    private record Part(Store store, Capture capture) {}

    private final List<Part> parts = new ArrayList<>();
    private final StoreId home;

    private Captures(StoreId home) {
        this.home = home;
    }

    static Captures begin(OperationId operation, VmId vm, SnapshotId id, DiskPlan plan) {
        Captures captures = new Captures(plan.storeIds().get(0));
        try {
            for (Map.Entry<Store, List<DiskSource>> part : plan.byStore().entrySet()) {
                Store store = part.getKey();
                captures.parts.add(new Part(store, store.capture(operation, vm, id, part.getValue())));
            }
        } catch (Problem e) {
            captures.close();
            throw e;
        }
        return captures;
    }

    StoreId home() {
        return home;
    }

    @Override
    public void save(String fileName, String content) {
        parts.get(0).capture().save(fileName, content);
    }

    @Override
    public void saveCopy(String fileName, Path source) {
        parts.get(0).capture().saveCopy(fileName, source);
    }

    @Override
    public void cloneDisks() {
        parts.forEach(part -> part.capture().cloneDisks());
    }

    @Override
    public List<DiskImage> sync() {
        return parts.stream().flatMap(part -> part.capture().sync().stream()).toList();
    }

    @Override
    public void publish(Snapshot snapshot) {
        List<Part> homeLast = new ArrayList<>(parts);
        Collections.reverse(homeLast);
        try {
            homeLast.forEach(part -> part.capture().publish(snapshot));
        } catch (Problem e) {
            // The home first: without it the rest is invisible. One that failed may have been published all the same.
            parts.forEach(part -> withdraw(part.store(), snapshot, e));
            throw e;
        }
    }

    /** What cannot be withdrawn now, recovery removes. */
    private static void withdraw(Store store, Snapshot snapshot, Problem because) {
        try {
            if (store.read(snapshot.vm(), snapshot.id()).isPresent()) {
                store.unpublish(snapshot.vm(), snapshot.id());
                store.free(snapshot.vm(), snapshot.id());
            }
        } catch (Problem e) {
            because.addSuppressed(e);
        }
    }

    @Override
    public void close() {
        Closing.each(parts, part -> part.capture().close());
    }
}
