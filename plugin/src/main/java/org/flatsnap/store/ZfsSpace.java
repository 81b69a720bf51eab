package org.flatsnap.store;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.model.SnapshotId;

/**
 * The space of a ZFS store as ZFS itself counts it. An image that something was cloned from frees nothing; the last wanted one
 * of what stands aside frees that too.
 */
final class ZfsSpace {
    private final ZfsStore store;
    private final ZfsInventory inventory;

    ZfsSpace(ZfsStore store) throws IOException {
        this.store = store;
        store.core().sync(store.names().root());
        this.inventory = store.inventory();
    }

    Map<SnapshotId, Long> exclusive() throws IOException {
        Map<SnapshotId, Long> bytes = new HashMap<>();
        for (Map.Entry<SnapshotId, ZfsInventory.Image> home : inventory.homes().entrySet()) {
            if (home.getValue().in(ZfsNames.PUBLISHED)) {
                bytes.put(home.getKey(), exclusive(home.getKey()));
            }
        }
        return bytes;
    }

    private long exclusive(SnapshotId id) throws IOException {
        long bytes = 0;
        for (ZfsInventory.Image image : inventory.images(id)) {
            boolean last = goes(image.name().dataset(), Set.of(id));
            bytes += last ? whole(image.name().dataset()) : inventory.cloned(image.name()) ? 0 : image.number("used");
        }
        return bytes;
    }

    long freedByDeleting(Set<SnapshotId> going) throws IOException {
        Map<DatasetName, List<SnapshotName>> byDataset = new HashMap<>();
        for (SnapshotId id : going) {
            for (ZfsInventory.Image image : inventory.images(id)) {
                byDataset
                        .computeIfAbsent(image.name().dataset(), unused -> new ArrayList<>())
                        .add(image.name());
            }
        }
        long bytes = 0;
        for (Map.Entry<DatasetName, List<SnapshotName>> part : byDataset.entrySet()) {
            Set<SnapshotName> free = new HashSet<>(part.getValue());
            free.removeIf(inventory::cloned);
            if (goes(part.getKey(), going)) {
                bytes += whole(part.getKey());
                free.removeAll(beyond(part.getKey()));
            }
            if (!free.isEmpty()) {
                bytes += store.programs().destroyDryRun(List.copyOf(free));
            }
        }
        return bytes;
    }

    /** Whether a dataset stands aside and would be removed if these went. */
    private boolean goes(DatasetName dataset, Set<SnapshotId> going) {
        List<ZfsInventory.Image> images = inventory.images(dataset);
        int kept = ZfsAsides.keptBelow(inventory, dataset);
        return ZfsNames.below(dataset, store.names().aside())
                && images.subList(kept, images.size()).stream()
                        .noneMatch(image -> inventory.wanted(image)
                                && image.id().filter(going::contains).isEmpty());
    }

    private List<SnapshotName> beyond(DatasetName dataset) {
        List<ZfsInventory.Image> images = inventory.images(dataset);
        return images.subList(ZfsAsides.keptBelow(inventory, dataset), images.size()).stream()
                .map(ZfsInventory.Image::name)
                .toList();
    }

    /** What a dataset and its images hold that is younger than what others were cloned from. */
    private long whole(DatasetName dataset) throws IOException {
        List<SnapshotName> beyond = beyond(dataset);
        int kept = ZfsAsides.keptBelow(inventory, dataset);
        if (kept == 0) {
            return inventory
                    .dataset(dataset)
                    .map(record ->
                            Long.parseLong(record.property("used").orElseThrow().value()))
                    .orElse(0L);
        }
        long images =
                beyond.isEmpty() ? 0 : store.core().snapshotRangeSpace(beyond.get(0), beyond.get(beyond.size() - 1));
        String property =
                "written@" + inventory.images(dataset).get(kept - 1).name().name();
        return images
                + Long.parseLong(store.programs()
                        .properties(dataset, property)
                        .get(property)
                        .value());
    }
}
