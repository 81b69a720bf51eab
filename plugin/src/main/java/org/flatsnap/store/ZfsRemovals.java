package org.flatsnap.store;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.DatasetRecord;
import org.flatsnap.linux.zfs.DatasetType;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes volumes: each is set aside with all its snapshots, as a rollback does it, and is freed from there when nobody wants an
 * image of it any more. It is out of sight from the moment at which it says where it will stand.
 */
final class ZfsRemovals {
    private static final Logger LOG = LoggerFactory.getLogger(ZfsRemovals.class);

    /** What setting aside changes, to be restored if it cannot be done. */
    private static final String[] CHANGED = {
        "volmode", "readonly", "refreservation", "reservation", ZfsNames.LIVE, ZfsNames.LAST, ZfsNames.OWNER
    };

    private final ZfsStore store;

    ZfsRemovals(ZfsStore store) {
        this.store = store;
    }

    /** Where a disk is to stand aside that is being removed. */
    static Optional<DatasetName> place(ZfsNames names, DatasetName dataset, DatasetRecord record) {
        return names.covers(dataset) ? place(names, record.properties()) : Optional.empty();
    }

    /** The same by its own properties. */
    static Optional<DatasetName> place(ZfsNames names, Map<String, Property> properties) {
        return Optional.ofNullable(properties.get(ZfsNames.LIVE))
                .filter(live -> live.source() == Property.Source.LOCAL)
                .flatMap(live -> ZfsNames.dataset(live.value()))
                .filter(place -> ZfsNames.below(place, names.aside()));
    }

    void remove(ZfsDisk volume, DiskName name) throws IOException {
        OperationId operation = OperationId.random();
        try (Staging staging = Staging.create(store.layout().staging(operation))) {
            Map<String, Property> before = store.programs().properties(volume.dataset(), CHANGED);
            DatasetName place = store.names().aside(operation, name);
            try {
                store.programs()
                        .setProperties(
                                volume.dataset(),
                                Map.of(
                                        ZfsNames.LIVE,
                                        place.toString(),
                                        ZfsNames.OWNER,
                                        staging.directory().getFileName().toString()));
                putAside(volume, place);
            } catch (IOException | Problem e) {
                restore(volume.dataset(), before, e);
                throw e;
            }
        }
        try {
            new ZfsAsides(store).settle(store.inventory());
        } catch (IOException e) {
            LOG.info("{} is removed, and freed later: {}", volume.dataset(), e.getMessage());
            store.waiting();
        }
    }

    /** Goes on with a removal whose owner died. */
    void finish(DatasetName volume, DatasetName place) throws IOException {
        putAside(new ZfsDisk(volume, ZvolDevices.path(volume)), place);
    }

    private void putAside(ZfsDisk volume, DatasetName place) throws IOException {
        store.swaps().hideDevice(volume, place);
        store.swaps().quieten(volume.dataset());
        for (DatasetName aside : asides(volume.dataset())) {
            // A volume that gets the name later must not be taken for the one that this was.
            store.programs().setProperties(aside, Map.of(ZfsNames.LIVE, aside.toString()));
        }
        store.renaming(() -> store.core().rename(volume.dataset(), place));
    }

    /** Has what a live disk was before know it by another name. */
    void follow(DatasetName before, DatasetName after) throws IOException {
        for (DatasetName aside : asides(before)) {
            store.programs().setProperties(aside, Map.of(ZfsNames.LIVE, after.toString()));
        }
    }

    private List<DatasetName> asides(DatasetName live) throws IOException {
        List<DatasetName> asides = new ArrayList<>();
        store.programs()
                .list(
                        store.names().aside(),
                        Set.of(DatasetType.FILESYSTEM, DatasetType.VOLUME),
                        true,
                        List.of(ZfsNames.LIVE),
                        found -> ZfsInventory.own(found, ZfsNames.LIVE)
                                .filter(live.toString()::equals)
                                .ifPresent(same -> asides.add((DatasetName) found.name())));
        return asides;
    }

    /** A disk that cannot be removed is what it was. */
    private void restore(DatasetName volume, Map<String, Property> before, Exception failure) {
        try {
            Map<String, String> local = new LinkedHashMap<>();
            for (String name : CHANGED) {
                Property property = before.get(name);
                if (property != null && property.source() == Property.Source.LOCAL) {
                    local.put(name, property.value());
                } else if (!name.endsWith("reservation")) {
                    // What was not reserved is not now.
                    store.programs().inherit(volume, name);
                }
            }
            if (!local.isEmpty()) {
                store.programs().setProperties(volume, local);
            }
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }
}
