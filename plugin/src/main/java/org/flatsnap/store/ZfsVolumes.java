package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.DatasetType;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VolumeName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Disks that are sparse volumes directly below the store's dataset. */
final class ZfsVolumes implements Volumes {
    private static final Logger LOG = LoggerFactory.getLogger(ZfsVolumes.class);
    private static final Duration UDEV = Duration.ofSeconds(30);

    /** A multiple of every block size that a volume can have by default, and what Proxmox VE rounds volumes up to. */
    private static final long GRAIN = 1 << 20;

    private static final String[] PROPERTIES = {"type", "volsize", "referenced", "creation", ZfsNames.LIVE};

    private final ZfsStore store;

    ZfsVolumes(ZfsStore store) {
        this.store = store;
    }

    @Override
    public Path path(VolumeName name) {
        return ZvolDevices.path(dataset(name));
    }

    private DatasetName dataset(VolumeName name) {
        try {
            return store.names().root().child(name.value());
        } catch (IllegalArgumentException e) {
            throw new Problem(
                    Problem.Code.INVALID,
                    "bad volume name " + name,
                    String.valueOf(e.getMessage()),
                    "Choose a shorter name",
                    e);
        }
    }

    @Override
    public List<Volume> list() {
        return store.produce("cannot list volumes", () -> {
            store.requireMounted();
            List<Volume> volumes = new ArrayList<>();
            store.listing(() -> {
                store.programs()
                        .list(
                                store.names().root(),
                                Set.of(DatasetType.VOLUME),
                                true,
                                List.of(PROPERTIES),
                                found -> name((DatasetName) found.name())
                                        .flatMap(name -> volume(name, found.properties()))
                                        .ifPresent(volumes::add));
                return volumes;
            });
            volumes.sort(Comparator.comparing(Volume::name));
            return List.copyOf(volumes);
        });
    }

    /** The volume that a dataset is by its place. */
    private Optional<VolumeName> name(DatasetName dataset) {
        String prefix = store.names().root() + "/";
        return Optional.of(dataset.toString())
                .filter(name -> name.startsWith(prefix))
                .map(name -> name.substring(prefix.length()))
                .filter(VolumeName::looksLikeOne)
                .map(VolumeName::new);
    }

    @Override
    public Optional<Volume> find(VolumeName name) {
        return store.produce("cannot examine volume " + name, () -> {
            store.requireMounted();
            return store.find(dataset(name), PROPERTIES).flatMap(found -> volume(name, found));
        });
    }

    private Optional<Volume> volume(VolumeName name, Map<String, Property> found) {
        if (!found.get("type").value().equals("volume")
                || ZfsRemovals.place(store.names(), found).isPresent()) {
            return Optional.empty();
        }
        return Optional.of(new Volume(
                name,
                path(name),
                number(found, "volsize"),
                number(found, "referenced"),
                Instant.ofEpochSecond(number(found, "creation"))));
    }

    private static long number(Map<String, Property> found, String property) {
        return Long.parseLong(found.get(property).value());
    }

    private Volume present(String what, VolumeName name) {
        return find(name).orElseThrow(() -> VolumeRefusals.missing(what, name));
    }

    private void requireAbsent(String what, VolumeName name) throws IOException {
        store.requireMounted();
        if (store.core().exists(dataset(name))) {
            throw VolumeRefusals.exists(what, name);
        }
    }

    private static long rounded(long bytes) {
        return (bytes + GRAIN - 1) / GRAIN * GRAIN;
    }

    @Override
    public Volume create(VolumeName name, long bytes) {
        String what = "cannot create volume " + name;
        VolumeRefusals.requireSize(what, bytes);
        return store.produce(what, () -> {
            requireAbsent(what, name);
            store.programs().createVolume(dataset(name), rounded(bytes));
            return ready(what, name);
        });
    }

    /** Waits until it can be opened; what nobody can open is not there. */
    private Volume ready(String what, VolumeName name) throws IOException {
        try {
            ZvolDevices.await(dataset(name), UDEV);
        } catch (IOException e) {
            store.destroyAfter(e, dataset(name));
            throw e;
        }
        return present(what, name);
    }

    @Override
    public Volume copy(VolumeName from, VolumeName to) {
        String what = "cannot copy volume " + from + " to " + to;
        Path source = present(what, from).path();
        return store.produce(what, () -> {
            requireAbsent(what, to);
            OperationId operation = OperationId.random();
            try (Staging staging = Staging.create(store.layout().staging(operation))) {
                Map<String, String> owner =
                        Map.of(ZfsNames.OWNER, staging.directory().getFileName().toString());
                // What was written through the page cache of the device is not in ZFS yet.
                Durability.sync(source);
                DatasetName staged = store.names().staged(operation, to.disk());
                cloneOf(ZfsNames.copied(dataset(from), operation), staged, owner);
                try {
                    putInPlace(dataset(from), staged, dataset(to));
                } catch (IOException | Problem e) {
                    store.destroyAfter(e, staged);
                    throw e;
                }
                letGo(dataset(to));
            }
            return ready(what, to);
        });
    }

    /** Makes a clone of this moment; the snapshot that it needs goes with it, or with the other one when that is removed first. */
    private void cloneOf(SnapshotName moment, DatasetName clone, Map<String, String> owner) throws IOException {
        Map<String, String> staged = new LinkedHashMap<>(owner);
        staged.put(ZfsNames.STATE, ZfsNames.STAGED);
        try {
            store.core().snapshot(List.of(moment), staged);
            store.core().clone(moment, clone, owner);
            store.core().destroySnapshots(List.of(moment), true);
        } catch (IOException e) {
            // Recovery clears what nobody owns.
            store.waiting();
            throw e;
        }
    }

    private void putInPlace(DatasetName source, DatasetName staged, DatasetName place) throws IOException {
        ZfsSettings settings = ZfsSettings.of(store.programs(), source);
        Map<String, String> properties = new LinkedHashMap<>(settings.carried());
        properties.putAll(settings.finishing());
        if (!properties.isEmpty()) {
            store.programs().setProperties(staged, properties);
        }
        store.renaming(() -> store.core().rename(staged, place));
    }

    /** Only what is in place: what is staged and has no owner, nobody would clear. */
    private void letGo(DatasetName volume) {
        try {
            store.programs().inherit(volume, ZfsNames.OWNER);
        } catch (IOException e) {
            LOG.info("{} is whole, and its mark goes later: {}", volume, e.getMessage());
            store.waiting();
        }
    }

    @Override
    public Volume resize(VolumeName name, long bytes) {
        String what = "cannot resize volume " + name;
        Volume present = present(what, name);
        VolumeRefusals.requireGrowth(what, present, bytes);
        return store.produce(what, () -> {
            if (bytes > present.bytes()) {
                store.programs().setProperties(dataset(name), Map.of("volsize", Long.toString(rounded(bytes))));
            }
            return present(what, name);
        });
    }

    @Override
    public Volume rename(VolumeName from, VolumeName to) {
        String what = "cannot rename volume " + from + " to " + to;
        present(what, from);
        return store.produce(what, () -> {
            requireAbsent(what, to);
            DatasetName before = dataset(from);
            DatasetName after = dataset(to);
            ZfsRemovals asides = new ZfsRemovals(store);
            // Before: a volume that gets the old name later must not be taken for the one that they were.
            asides.follow(before, after);
            try {
                store.renaming(() -> store.core().rename(before, after));
            } catch (IOException e) {
                asides.follow(after, before);
                throw e;
            }
            ZvolDevices.await(after, UDEV);
            return present(what, to);
        });
    }

    @Override
    public void remove(VolumeName name) {
        store.attempt("cannot remove volume " + name, () -> {
            store.requireMounted();
            boolean stands = store.find(dataset(name), "type")
                    .filter(found -> found.get("type").value().equals("volume"))
                    .isPresent();
            if (stands) {
                new ZfsRemovals(store).remove(new ZfsDisk(dataset(name), path(name)), name.disk());
            }
        });
    }
}
