package org.flatsnap.store;

import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Walks the VMs of a reflink store, each with the ids of its published snapshots, and holds those of one VM at a time. */
final class PublishedIds implements Iterator<Map.Entry<VmId, Set<SnapshotId>>> {
    private static final Logger LOG = LoggerFactory.getLogger(PublishedIds.class);

    private final ReflinkStore store;
    private final Iterator<Path> directories;

    PublishedIds(ReflinkStore store, Layout layout) {
        this.store = store;
        this.directories =
                entries(layout.vms()).stream().filter(PublishedIds::isOfVm).iterator();
    }

    private List<Path> entries(Path directory) {
        return store.produce("cannot list snapshots", () -> Layout.entries(directory));
    }

    private static boolean isOfVm(Path directory) {
        if (!VmId.looksLikeOne(directory.getFileName().toString())) {
            LOG.warn("{} is not of flatsnap's making and is left alone", directory);
            return false;
        }
        return true;
    }

    @Override
    public boolean hasNext() {
        return directories.hasNext();
    }

    @Override
    public Map.Entry<VmId, Set<SnapshotId>> next() {
        Path directory = directories.next();
        Set<SnapshotId> ids = entries(directory).stream()
                .map(snapshot -> snapshot.getFileName().toString())
                .filter(SnapshotId::looksLikeOne)
                .map(SnapshotId::new)
                .collect(Collectors.toSet());
        return Map.entry(new VmId(directory.getFileName().toString()), ids);
    }
}
