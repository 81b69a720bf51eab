package org.flatsnap.engine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
    private final List<Capture> parts = new ArrayList<>();
    private final StoreId home;

    private Captures(StoreId home) {
        this.home = home;
    }

    static Captures begin(OperationId operation, VmId vm, SnapshotId id, DiskPlan plan) {
        Captures captures = new Captures(plan.storeIds().get(0));
        try {
            for (Map.Entry<Store, List<DiskSource>> part : plan.byStore().entrySet()) {
                captures.parts.add(part.getKey().capture(operation, vm, id, part.getValue()));
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
        parts.get(0).save(fileName, content);
    }

    @Override
    public void saveCopy(String fileName, Path source) {
        parts.get(0).saveCopy(fileName, source);
    }

    @Override
    public List<DiskImage> cloneDisks() {
        return parts.stream().flatMap(part -> part.cloneDisks().stream()).toList();
    }

    @Override
    public void sync() {
        parts.forEach(Capture::sync);
    }

    @Override
    public void publish(Snapshot snapshot) {
        for (int i = parts.size() - 1; i >= 0; i--) {
            parts.get(i).publish(snapshot);
        }
    }

    @Override
    public void close() {
        Optional<Problem> failure = Optional.empty();
        for (Capture part : parts) {
            try {
                part.close();
            } catch (Problem e) {
                failure = Optional.of(e);
            }
        }
        failure.ifPresent(e -> {
            throw e;
        });
    }
}
