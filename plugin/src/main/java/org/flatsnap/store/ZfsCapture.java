package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZfsException;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One atomic ZFS snapshot of all disks, published by setting its record on that of the first disk; or of further disks of a
 * snapshot that has its record already, which is set anew.
 */
final class ZfsCapture implements Capture {
    private static final Logger LOG = LoggerFactory.getLogger(ZfsCapture.class);

    private final ZfsStore store;
    private final Staging staging;
    private final VmId vm;
    private final SnapshotId id;
    private final Optional<Snapshot> extended;
    private final List<ZfsDisk> disks = new ArrayList<>();
    private final List<DiskSource> sources;
    private final Path directory;
    private final List<Path> files = new ArrayList<>();
    private final Map<DatasetName, Long> sizes = new HashMap<>();
    private boolean taken;

    ZfsCapture(ZfsStore store, Staging staging, VmId vm, SnapshotId id, List<DiskSource> sources) throws IOException {
        this(store, staging, vm, id, Optional.empty(), sources);
    }

    /** Of further disks of a snapshot that is published. */
    ZfsCapture(ZfsStore store, Staging staging, Snapshot extended, List<DiskSource> sources) throws IOException {
        this(store, staging, extended.vm(), extended.id(), Optional.of(extended), sources);
    }

    private ZfsCapture(
            ZfsStore store,
            Staging staging,
            VmId vm,
            SnapshotId id,
            Optional<Snapshot> extended,
            List<DiskSource> sources)
            throws IOException {
        this.store = store;
        this.staging = staging;
        this.vm = vm;
        this.id = id;
        this.extended = extended;
        this.sources = sources;
        for (DiskSource source : sources) {
            store.obstacle(source.path()).ifPresent(problem -> {
                throw problem;
            });
            disks.add(ZfsDisk.of(source.path())
                    .orElseThrow(() -> new NoSuchFileException(source.path().toString())));
        }
        this.directory = Files.createDirectory(staging.directory().resolve("snapshot"));
    }

    @Override
    public void save(String fileName, String content) {
        requireNew(fileName);
        store.attempt("cannot save " + fileName, () -> {
            files.add(Files.writeString(directory.resolve(fileName), content));
        });
    }

    @Override
    public void saveCopy(String fileName, Path source) {
        requireNew(fileName);
        store.attempt("cannot save a copy of " + source, () -> {
            files.add(Files.copy(source, directory.resolve(fileName), StandardCopyOption.COPY_ATTRIBUTES));
        });
    }

    private void requireNew(String fileName) {
        if (extended.isPresent()) {
            throw new IllegalStateException("a published snapshot keeps its own " + fileName);
        }
    }

    @Override
    public void cloneDisks() {
        store.attempt("cannot take a ZFS snapshot of VM " + vm, () -> {
            for (ZfsDisk disk : disks) {
                if (disk.isVolume()) {
                    // What was written through the page cache of the device is not in ZFS yet.
                    Durability.sync(disk.live());
                } else {
                    sizes.put(disk.dataset(), Files.size(disk.live()));
                }
            }
            if (extended.isPresent()) {
                clearLeftovers(extended.get());
            }
            taken = true;
            store.core()
                    .snapshot(
                            names(),
                            Map.of(
                                    ZfsNames.STATE,
                                    ZfsNames.STAGED,
                                    ZfsNames.OWNER,
                                    staging.directory().getFileName().toString(),
                                    ZfsNames.VM,
                                    vm.value()));
        });
    }

    /** What a kill left of an earlier try has the names; nobody but that has them, or the snapshot's own images. */
    private void clearLeftovers(Snapshot snapshot) throws IOException {
        List<SnapshotName> leftovers = new ArrayList<>();
        for (SnapshotName name : names()) {
            Optional<Map<String, Property>> found = store.find(name, "guid");
            if (found.isPresent()) {
                String guid = found.get().get("guid").value();
                if (snapshot.disks().stream()
                        .anyMatch(image -> image.guid().filter(guid::equals).isPresent())) {
                    throw new Problem(
                            Problem.Code.EXISTS,
                            "cannot add " + name.dataset() + " to snapshot " + snapshot.name(),
                            "the snapshot has an image of it, under the name that it had then",
                            "Take another snapshot of it");
                }
                leftovers.add(name);
            }
        }
        if (!leftovers.isEmpty()) {
            store.core().destroySnapshots(leftovers, true);
        }
    }

    private List<SnapshotName> names() {
        return disks.stream().map(disk -> ZfsNames.snapshot(disk.dataset(), id)).toList();
    }

    @Override
    public List<DiskImage> sync() {
        return store.produce("cannot make the snapshot durable", () -> {
            for (Path file : files) {
                Durability.sync(file);
            }
            Durability.sync(directory);
            List<DiskImage> images = new ArrayList<>();
            for (int i = 0; i < disks.size(); i++) {
                images.add(image(sources.get(i), disks.get(i)));
            }
            return List.copyOf(images);
        });
    }

    private DiskImage image(DiskSource source, ZfsDisk disk) throws IOException {
        SnapshotName name = ZfsNames.snapshot(disk.dataset(), id);
        Map<String, Property> found = store.programs().properties(name, "guid", "volsize", "referenced");
        String guid = found.get("guid").value();
        store.located(guid, name, Long.parseLong(found.get("referenced").value()));
        long bytes = disk.isVolume() ? Long.parseLong(found.get("volsize").value()) : sizes.get(disk.dataset());
        return new DiskImage(source.disk(), store.id(), disk.live().toString(), bytes, Optional.of(guid));
    }

    @Override
    public void publish(Snapshot snapshot) {
        store.attempt("cannot publish snapshot " + snapshot.name(), () -> {
            if (extended.isPresent()) {
                // From here on the record tells whether they belong to it, and recovery asks that.
                taken = false;
                store.replace(snapshot);
                names().forEach(this::markPart);
                return;
            }
            Layout layout = store.layout();
            // Seen by nobody without the record.
            Files.createDirectories(layout.vm(vm));
            Durability.sync(layout.vms());
            Files.move(directory, layout.snapshot(vm, id), StandardCopyOption.ATOMIC_MOVE);
            Durability.sync(layout.vm(vm));
            Map<String, String> properties = new HashMap<>(ZfsRecord.of(snapshot));
            properties.put(ZfsNames.STATE, ZfsNames.PUBLISHED);
            List<SnapshotName> images = names();
            store.programs().setProperties(images.get(0), properties);
            taken = false;
            images.subList(1, images.size()).forEach(this::markPart);
        });
    }

    /** The record protects it already, so a failure must not make a published snapshot look like one that was not taken. */
    private void markPart(SnapshotName image) {
        try {
            store.programs().setProperties(image, Map.of(ZfsNames.STATE, ZfsNames.PART));
        } catch (ZfsException e) {
            LOG.warn("{} is known as a part of its snapshot by the record alone: {}", image, e.getMessage());
        }
    }

    @Override
    public void close() {
        store.attempt("cannot clear " + staging.directory(), () -> {
            try (staging) {
                if (taken) {
                    store.core().destroySnapshots(names(), true);
                    if (extended.isEmpty()) {
                        Staging.deleteTree(store.layout().snapshot(vm, id));
                    }
                }
            }
        });
    }
}
