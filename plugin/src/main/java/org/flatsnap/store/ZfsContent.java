package org.flatsnap.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Snapshot;

/** The image of a disk in a ZFS snapshot: of a volume through a clone, of a file below {@code .zfs}. */
record ZfsContent(ZfsStore store, Snapshot snapshot, DiskImage image) implements Content {
    @Override
    public Status status() {
        // Looking into .zfs would mount each snapshot of a listing.
        return new Status(image.bytes(), store.blocks(image), snapshot.takenAt());
    }

    @Override
    public Reader open() throws IOException {
        SnapshotName name = store.locate(image);
        while (true) {
            try {
                return open(name);
            } catch (IOException e) {
                SnapshotName present = store.locate(image);
                if (present.equals(name)) {
                    throw e;
                }
                // It went aside with its disk, or came back to it, on the way there.
                name = present;
            }
        }
    }

    private Reader open(SnapshotName name) throws IOException {
        Path source = Path.of(image.source());
        if (source.startsWith(ZvolDevices.LINKS)) {
            return store.readers().open(name, image.guid().orElseThrow());
        }
        return Content.of(store.mounted(name.dataset())
                        .resolve(".zfs/snapshot")
                        .resolve(name.name())
                        .resolve(source.getFileName()))
                .open();
    }

    /** A text that stands in properties. */
    record Text(String text, Instant modified) implements Content {
        @Override
        public Status status() {
            long size = text.getBytes(StandardCharsets.UTF_8).length;
            return new Status(size, (size + 511) / 512, modified);
        }

        @Override
        public Reader open() throws IOException {
            // A file without a name is gone with its last reader.
            Path file = Files.createTempFile("flatsnap-", ".json");
            try {
                Files.writeString(file, text);
                return Content.of(file).open();
            } finally {
                Files.delete(file);
            }
        }
    }
}
