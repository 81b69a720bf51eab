package org.flatsnap.store;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.flatsnap.linux.Flock;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZfsErrno;
import org.flatsnap.linux.zfs.ZfsException;
import org.flatsnap.linux.zfs.ZfsName;
import org.flatsnap.linux.zfs.ZvolDevices;

/**
 * Lets snapshots of volumes be read through clones that last as long as somebody reads. They inherit {@code readonly=on} and
 * {@code volmode=dev}, so that nobody looks for partitions in them. A full pool has no room for a clone, nor is any that was
 * reserved counted for one, and it takes properties still: there, the volume's {@code snapdev} is visible meanwhile, and one
 * that stands aside has {@code volmode=dev}, because a volume without a device shows none of its snapshots. Both name their
 * process, so that recovery takes back what a killed one left. Safe for use by several threads.
 */
final class ZfsReaders implements AutoCloseable {
    /** A file for each process that reads, locked while it lives. Gone with a reboot, as the processes are. */
    private static final Path PROCESSES = Path.of("/run/flatsnap/readers");

    private static final Duration UDEV = Duration.ofSeconds(30);
    private static final Duration PATIENCE = Duration.ofSeconds(1);
    private static final long POLL_MILLIS = 50;
    private static final int LOOKS = 5;
    private static final String UNSET = "-";

    private final ZfsStore store;
    private final Map<String, Source> open = new HashMap<>();
    /** Not read any more, and busy when they were to go. */
    private final Set<Source> idle = new HashSet<>();

    private static final Pattern TOKEN = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    private final String token = UUID.randomUUID().toString();
    private Optional<Flock> process = Optional.empty();
    private long made;

    ZfsReaders(ZfsStore store) {
        this.store = store;
    }

    /** What has a device: a clone of the image, or the image itself. */
    private static final class Source {
        private final ZfsName name;
        private int readers;

        Source(ZfsName name) {
            this.name = name;
        }
    }

    synchronized Content.Reader open(SnapshotName image, String guid) throws IOException {
        Source source = open.get(guid);
        if (source == null) {
            source = make(image);
            open.put(guid, source);
        }
        try {
            OpenContent device = OpenContent.of(ZvolDevices.await(source.name, UDEV));
            source.readers++;
            return new Open(guid, source, device);
        } catch (IOException e) {
            if (source.readers == 0) {
                retire(guid, source);
            }
            throw e;
        }
    }

    private Source make(SnapshotName image) throws IOException {
        if (process.isEmpty()) {
            Files.createDirectories(PROCESSES);
            process = Flock.tryLock(PROCESSES.resolve(token));
        }
        DatasetName clone = store.names().readers().child(token + "-" + made++);
        try {
            store.core().clone(image, clone, Map.of(ZfsNames.READER, token));
            return new Source(clone);
        } catch (ZfsException e) {
            if (!e.is(ZfsErrno.ENOSPC) && !e.is(ZfsErrno.EDQUOT)) {
                throw e;
            }
            show(image.dataset());
            return new Source(image);
        }
    }

    private void show(DatasetName volume) throws IOException {
        Map<String, Property> found = store.programs().properties(volume, "snapdev", ZfsNames.READER);
        Map<String, String> shown = new LinkedHashMap<>();
        Property reader = found.get(ZfsNames.READER);
        if (reader == null || reader.source() != Property.Source.LOCAL) {
            Property present = found.get("snapdev");
            String before = present.source() == Property.Source.LOCAL ? present.value() : UNSET;
            shown.put(ZfsNames.READER, token + " " + before);
        }
        if (standsAside(store, volume)) {
            // Before the other: what gets its device only afterwards does not show its snapshots.
            shown.put("volmode", "dev");
        }
        shown.put("snapdev", "visible");
        store.programs().setProperties(volume, shown);
    }

    private static boolean standsAside(ZfsStore store, DatasetName volume) {
        return ZfsNames.below(volume, store.names().aside());
    }

    /**
     * Gives a volume back its {@code snapdev}, and takes its device from what stands aside.
     *
     * @return false if a device is open still, which keeps it there: to be done again
     */
    static boolean hide(ZfsStore store, DatasetName volume, String reader) throws IOException {
        String before = reader.substring(reader.indexOf(' ') + 1);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        do {
            if (standsAside(store, volume)) {
                store.programs().setProperties(volume, Map.of("volmode", "none"));
            }
            if (before.equals(UNSET)) {
                store.programs().inherit(volume, "snapdev");
            } else {
                store.programs().setProperties(volume, Map.of("snapdev", before));
            }
            for (int i = 0; i < LOOKS && isShown(store, volume); i++) {
                pause();
            }
        } while (isShown(store, volume) && System.nanoTime() < deadline);
        if (isShown(store, volume)) {
            return false;
        }
        store.programs().inherit(volume, ZfsNames.READER);
        return true;
    }

    /** Whether what stands aside has a device; that the live disk has one, and its snapshots perhaps too, is no harm. */
    private static boolean isShown(ZfsStore store, DatasetName volume) throws IOException {
        Path link = ZvolDevices.path(volume);
        if (!standsAside(store, volume) || !Files.isDirectory(link.getParent())) {
            return false;
        }
        String name = link.getFileName().toString();
        try (DirectoryStream<Path> links = Files.newDirectoryStream(link.getParent())) {
            for (Path other : links) {
                String present = other.getFileName().toString();
                if (present.equals(name) || present.startsWith(name + "@")) {
                    return true;
                }
            }
        } catch (NoSuchFileException e) {
            // udev removed the last one, and their directory with it.
            return false;
        }
        return false;
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for a device");
        }
    }

    /** Whether the process that a property names still reads. */
    static boolean lives(String reader) throws IOException {
        String name = reader.split(" ", 2)[0];
        if (!TOKEN.matcher(name).matches()) {
            // Nothing that flatsnap wrote, so nothing of its to take back.
            return true;
        }
        Path file = PROCESSES.resolve(name);
        if (!Files.exists(file)) {
            return false;
        }
        Optional<Flock> abandoned = Flock.tryLock(file);
        if (abandoned.isEmpty()) {
            return true;
        }
        try (Flock lock = abandoned.get()) {
            Files.deleteIfExists(file);
            return false;
        }
    }

    private synchronized void leave(String guid, Source source) throws IOException {
        source.readers--;
        if (source.readers == 0) {
            retire(guid, source);
            sweep();
        }
    }

    private void retire(String guid, Source source) {
        open.remove(guid);
        idle.add(source);
    }

    /** Takes back what nobody reads any more, as far as it can be. */
    synchronized void sweep() throws IOException {
        for (Source source : Set.copyOf(idle)) {
            try {
                if (source.name instanceof DatasetName clone) {
                    store.destroy(clone, PATIENCE);
                } else if (!hideUnlessRead(((SnapshotName) source.name).dataset())) {
                    store.waiting();
                    continue;
                }
                idle.remove(source);
            } catch (ZfsException e) {
                if (!e.is(ZfsErrno.EBUSY)) {
                    throw e;
                }
                store.waiting();
            }
        }
        if (open.isEmpty() && idle.isEmpty() && process.isPresent()) {
            try (Flock lock = process.get()) {
                Files.deleteIfExists(PROCESSES.resolve(token));
                process = Optional.empty();
            }
        }
    }

    /** @return false if that is to be done again */
    private boolean hideUnlessRead(DatasetName volume) throws IOException {
        boolean read = open.values().stream()
                .anyMatch(other -> other.name instanceof SnapshotName image
                        && image.dataset().equals(volume));
        Optional<Property> reader = store.find(volume, ZfsNames.READER).map(found -> found.get(ZfsNames.READER));
        return read || reader.isEmpty() || hide(store, volume, reader.get().value());
    }

    private final class Open implements Content.Reader {
        private final String guid;
        private final Source source;
        private final OpenContent device;
        private boolean closed;

        Open(String guid, Source source, OpenContent device) {
            this.guid = guid;
            this.source = source;
            this.device = device;
        }

        @Override
        public FileChannel channel() {
            return device.channel();
        }

        @Override
        public int descriptor() {
            return device.descriptor();
        }

        @Override
        public synchronized void close() throws IOException {
            if (!closed) {
                closed = true;
                // First, or the clone would be busy.
                device.close();
                leave(guid, source);
            }
        }
    }

    @Override
    public synchronized void close() {
        store.attempt("cannot end reading of snapshots", () -> {
            for (Map.Entry<String, Source> left : Map.copyOf(open).entrySet()) {
                retire(left.getKey(), left.getValue());
            }
            sweep();
        });
    }
}
