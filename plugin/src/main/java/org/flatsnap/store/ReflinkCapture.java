package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.Reflink;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Snapshot;

/**
 * A snapshot directory built in staging and published by a rename; or images that are put into one that stands, where nobody
 * sees them before its record names them.
 */
final class ReflinkCapture implements Capture {
    private static final String SNAPSHOT = "snapshot";

    private final ReflinkStore store;
    private final Staging staging;
    private final List<DiskSource> disks;
    private final boolean further;
    private final Path directory;
    private final List<Path> files = new ArrayList<>();
    private final List<DiskImage> images = new ArrayList<>();

    /** @param further whether the images are for a snapshot that is published already */
    ReflinkCapture(ReflinkStore store, Staging staging, List<DiskSource> disks, boolean further) throws IOException {
        this.store = store;
        this.staging = staging;
        this.disks = disks;
        this.further = further;
        this.directory = Files.createDirectory(staging.directory().resolve(SNAPSHOT));
        Files.createDirectory(Layout.images(directory));
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
        if (further) {
            throw new IllegalStateException("a published snapshot keeps its own " + fileName);
        }
    }

    @Override
    public void cloneDisks() {
        disks.forEach(this::cloneDisk);
    }

    private void cloneDisk(DiskSource disk) {
        store.attempt("cannot clone disk " + disk.disk() + " (" + disk.path() + ")", () -> {
            Path image = Layout.images(directory).resolve(Layout.fileName(disk.disk()));
            Reflink.cloneFile(disk.path(), image);
            files.add(image);
            images.add(new DiskImage(disk.disk(), store.id(), disk.path().toString(), Files.size(image)));
        });
    }

    @Override
    public List<DiskImage> sync() {
        return store.produce("cannot make the snapshot durable", () -> {
            for (Path file : files) {
                Durability.sync(file);
            }
            Durability.sync(Layout.images(directory));
            return List.copyOf(images);
        });
    }

    @Override
    public void publish(Snapshot snapshot) {
        store.attempt("cannot publish snapshot " + snapshot.name(), () -> {
            if (further) {
                extend(snapshot);
                return;
            }
            CheckedFile.create(directory.resolve(Layout.METADATA), snapshot);
            Durability.sync(directory);
            Path published = store.layout().snapshot(snapshot.vm(), snapshot.id());
            Files.createDirectories(store.layout().deleted(snapshot.vm()));
            Durability.sync(published.getParent().getParent());
            Files.move(directory, published, StandardCopyOption.ATOMIC_MOVE);
            Durability.sync(published.getParent());
            store.tell(snapshot.vm(), snapshot.id());
        });
    }

    private void extend(Snapshot snapshot) throws IOException {
        Path published = Layout.images(store.layout().snapshot(snapshot.vm(), snapshot.id()));
        for (DiskImage image : images) {
            String name = Layout.fileName(image.disk());
            // In place of one that a kill left there without a record.
            Files.move(Layout.images(directory).resolve(name), published.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        }
        Durability.sync(published);
        store.replace(snapshot);
    }

    @Override
    public void close() {
        store.attempt("cannot clear " + staging.directory(), staging::close);
    }
}
