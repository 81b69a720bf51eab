package org.flatsnap.store;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.DatasetRecord;
import org.flatsnap.linux.zfs.DatasetType;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.Property.Source;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZfsPrograms;
import org.flatsnap.model.Problem;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;

/** Everything below a store's dataset at one moment, as one listing tells it. Immutable. */
final class ZfsInventory {
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");
    private static final List<String> PROPERTIES = List.of(
            "origin",
            "creation",
            "createtxg",
            "referenced",
            "used",
            "volsize",
            "defer_destroy",
            "mounted",
            "mountpoint",
            ZfsNames.STATE,
            ZfsNames.OWNER,
            ZfsNames.VM,
            ZfsNames.READER,
            ZfsNames.LIVE,
            ZfsNames.LAST,
            ZfsNames.CLONE);

    /** A snapshot of one disk. */
    record Image(SnapshotName name, DatasetRecord record) {
        String guid() {
            return Long.toUnsignedString(record.guid());
        }

        Optional<SnapshotId> id() {
            return ZfsNames.id(name);
        }

        Optional<String> state() {
            return own(record, ZfsNames.STATE);
        }

        boolean in(String state) {
            return state().filter(state::equals).isPresent();
        }

        Optional<VmId> vm() {
            return own(record, ZfsNames.VM).filter(VmId::looksLikeOne).map(VmId::new);
        }

        /** Goes with the last clone of it. */
        boolean going() {
            return value(record, "defer_destroy").filter("on"::equals).isPresent();
        }

        long number(String property) {
            return value(record, property).map(Long::parseLong).orElse(0L);
        }

        Instant created() {
            return Instant.ofEpochSecond(number("creation"));
        }

        String recordValue(String property) {
            return own(record, property).orElse(null);
        }
    }

    private final Map<DatasetName, DatasetRecord> datasets = new LinkedHashMap<>();
    private final Map<DatasetName, List<Image>> images = new LinkedHashMap<>();
    private final Map<String, Image> byGuid = new HashMap<>();
    private final Map<SnapshotId, Image> homes = new LinkedHashMap<>();
    private final Set<SnapshotName> origins = new HashSet<>();

    private ZfsInventory() {}

    static ZfsInventory load(ZfsPrograms programs, DatasetName root) throws IOException {
        List<String> properties = new ArrayList<>(PROPERTIES);
        properties.addAll(ZfsRecord.properties());
        ZfsInventory inventory = new ZfsInventory();
        programs.list(
                root,
                Set.of(DatasetType.FILESYSTEM, DatasetType.VOLUME, DatasetType.SNAPSHOT),
                true,
                properties,
                inventory::add);
        return inventory;
    }

    private void add(DatasetRecord record) {
        if (record.name() instanceof SnapshotName name) {
            Image image = new Image(name, record);
            images.computeIfAbsent(name.dataset(), dataset -> new ArrayList<>()).add(image);
            byGuid.put(image.guid(), image);
            image.id()
                    .filter(id -> image.in(ZfsNames.PUBLISHED) || image.in(ZfsNames.DELETED))
                    .ifPresent(id -> homes.put(id, image));
        } else {
            datasets.put((DatasetName) record.name(), record);
            origin((DatasetName) record.name()).ifPresent(origins::add);
        }
    }

    /** A property's value, unless it comes from above: what a dataset says counts for its snapshots and children too. */
    static Optional<String> own(DatasetRecord record, String property) {
        return record.property(property)
                .filter(found -> found.source() == Source.LOCAL || found.source() == Source.RECEIVED)
                .map(Property::value);
    }

    static Optional<String> value(DatasetRecord record, String property) {
        return record.property(property).map(Property::value);
    }

    Collection<DatasetName> datasets() {
        return datasets.keySet();
    }

    Optional<DatasetRecord> dataset(DatasetName name) {
        return Optional.ofNullable(datasets.get(name));
    }

    /** In the order they were made. */
    List<Image> images(DatasetName dataset) {
        return images.getOrDefault(dataset, List.of());
    }

    Collection<Image> images() {
        return byGuid.values();
    }

    Optional<Image> image(String guid) {
        return Optional.ofNullable(byGuid.get(guid));
    }

    /** The images that carry records, of published snapshots and of deleted ones not yet freed. */
    Map<SnapshotId, Image> homes() {
        return homes;
    }

    /** All images of one snapshot. */
    List<Image> images(SnapshotId id) {
        return byGuid.values().stream()
                .filter(image -> image.id().filter(id::equals).isPresent() && !foreign(image))
                .toList();
    }

    Optional<SnapshotName> origin(DatasetName dataset) {
        return dataset(dataset)
                .flatMap(record -> value(record, "origin"))
                .filter(origin -> origin.indexOf('@') > 0)
                .map(SnapshotName::parse);
    }

    boolean cloned(SnapshotName image) {
        return origins.contains(image);
    }

    /** What was cloned from snapshots of a dataset. */
    List<DatasetName> dependents(DatasetName dataset) {
        return datasets.keySet().stream()
                .filter(other -> origin(other)
                        .filter(origin -> origin.dataset().equals(dataset))
                        .isPresent())
                .toList();
    }

    /** Not of flatsnap's making, and no part of a snapshot that was adopted. */
    boolean foreign(Image image) {
        return image.state().isEmpty() && image.id().filter(homes::containsKey).isEmpty();
    }

    /**
     * An image that somebody's recursive snapshot made of what stood aside already: nobody writes there, so it holds nothing
     * that the one before does not.
     */
    boolean empty(Image image) {
        return dataset(image.name().dataset())
                .flatMap(record -> own(record, ZfsNames.LAST))
                .filter(NUMBER.asMatchPredicate())
                .filter(last -> image.number("createtxg") > Long.parseLong(last))
                .isPresent();
    }

    /** Whether a dataset stands aside because the disk was removed, and not for another one in its place. */
    boolean removed(DatasetName dataset) {
        return dataset(dataset)
                .flatMap(record -> own(record, ZfsNames.LIVE))
                .filter(dataset.toString()::equals)
                .isPresent();
    }

    /** Whether somebody may want an image: it is foreign, or belongs to a published snapshot. */
    boolean wanted(Image image) {
        if (foreign(image)) {
            return !empty(image) && !image.going() && !removed(image.name().dataset());
        }
        return image.id()
                .map(homes::get)
                .map(home -> home.in(ZfsNames.PUBLISHED))
                .orElse(!image.in(ZfsNames.DELETED) && !image.going());
    }

    /** An image that is part of nothing yet, and of nothing ever if its owner died. */
    boolean unpublished(Image image) {
        return image.in(ZfsNames.STAGED) && !image.going() && !named(image);
    }

    /** Whether the record of an image's snapshot names it, or cannot be read. */
    private boolean named(Image image) {
        Optional<Image> home = image.id().map(homes::get);
        if (home.isEmpty()) {
            return false;
        }
        try {
            return ZfsRecord.read(home.get().name(), home.get()::recordValue).disks().stream()
                    .anyMatch(disk -> disk.guid().filter(image.guid()::equals).isPresent());
        } catch (Problem e) {
            // Told by whoever reads snapshots.
            return true;
        }
    }
}
