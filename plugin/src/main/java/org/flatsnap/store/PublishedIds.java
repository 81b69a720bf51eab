package org.flatsnap.store;

import java.nio.file.Path;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Walks the ids of a reflink store's published snapshots and holds those of one VM at a time. */
final class PublishedIds implements Iterator<Map.Entry<SnapshotId, VmId>> {
    private static final Logger LOG = LoggerFactory.getLogger(PublishedIds.class);

    private final ReflinkStore store;
    private final Iterator<Path> directories;
    private Iterator<Map.Entry<SnapshotId, VmId>> ofVm = Collections.emptyIterator();

    PublishedIds(ReflinkStore store, Layout layout) {
        this.store = store;
        this.directories = entries(layout.vms()).iterator();
    }

    private List<Path> entries(Path directory) {
        return store.produce("cannot list snapshots", () -> Layout.entries(directory));
    }

    @Override
    public boolean hasNext() {
        while (!ofVm.hasNext() && directories.hasNext()) {
            ofVm = ofVm(directories.next());
        }
        return ofVm.hasNext();
    }

    private Iterator<Map.Entry<SnapshotId, VmId>> ofVm(Path directory) {
        String vm = directory.getFileName().toString();
        if (!VmId.looksLikeOne(vm)) {
            LOG.warn("{} is not of flatsnap's making and is left alone", directory);
            return Collections.emptyIterator();
        }
        VmId id = new VmId(vm);
        return entries(directory).stream()
                .map(snapshot -> snapshot.getFileName().toString())
                .filter(SnapshotId::looksLikeOne)
                .map(name -> Map.entry(new SnapshotId(name), id))
                .iterator();
    }

    @Override
    public Map.Entry<SnapshotId, VmId> next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        return ofVm.next();
    }
}
