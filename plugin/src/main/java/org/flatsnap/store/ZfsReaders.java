package org.flatsnap.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZfsErrno;
import org.flatsnap.linux.zfs.ZfsException;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.OperationId;

/**
 * Lets snapshots of volumes be read through clones that last as long as somebody reads. They inherit {@code readonly=on} and
 * {@code volmode=dev}, so that nobody looks for partitions in them; what a killed process leaves, recovery destroys. Safe for use
 * by several threads.
 */
final class ZfsReaders implements AutoCloseable {
    private static final Duration UDEV = Duration.ofSeconds(30);

    private final ZfsStore store;
    private final Map<String, Clone> open = new HashMap<>();
    /** Not read any more, and busy when they were to go. */
    private final Set<DatasetName> idle = new HashSet<>();

    private Staging owner;
    private OperationId token;
    private long made;

    ZfsReaders(ZfsStore store) {
        this.store = store;
    }

    private static final class Clone {
        private final DatasetName name;
        private int readers;

        Clone(DatasetName name) {
            this.name = name;
        }
    }

    synchronized Content.Reader open(SnapshotName image, String guid) throws IOException {
        sweep();
        Clone clone = open.get(guid);
        if (clone == null) {
            clone = make(image);
            open.put(guid, clone);
        }
        try {
            FileChannel channel = FileChannel.open(ZvolDevices.await(clone.name, UDEV), StandardOpenOption.READ);
            clone.readers++;
            return new Open(guid, clone, channel);
        } catch (IOException e) {
            if (clone.readers == 0) {
                retire(guid, clone);
            }
            throw e;
        }
    }

    private Clone make(SnapshotName image) throws IOException {
        if (owner == null) {
            token = OperationId.random();
            owner = Staging.create(store.layout().staging(token));
        }
        DatasetName name = store.names().readers().child(token + "-" + made++);
        String holder = owner.directory().getFileName().toString();
        store.core().clone(image, name, Map.of(ZfsNames.OWNER, holder));
        return new Clone(name);
    }

    private synchronized void leave(String guid, Clone clone) throws IOException {
        clone.readers--;
        if (clone.readers == 0) {
            retire(guid, clone);
            sweep();
        }
    }

    private void disown() throws IOException {
        if (open.isEmpty() && idle.isEmpty() && owner != null) {
            owner.close();
            owner = null;
        }
    }

    private void retire(String guid, Clone clone) {
        open.remove(guid);
        idle.add(clone.name);
    }

    /** Destroys what nobody reads any more, as far as it can be. */
    synchronized void sweep() throws IOException {
        for (DatasetName clone : Set.copyOf(idle)) {
            try {
                store.destroy(clone);
                idle.remove(clone);
            } catch (ZfsException e) {
                if (!e.is(ZfsErrno.EBUSY)) {
                    throw e;
                }
            }
        }
        disown();
    }

    private final class Open implements Content.Reader {
        private final String guid;
        private final Clone clone;
        private final FileChannel channel;
        private boolean closed;

        Open(String guid, Clone clone, FileChannel channel) {
            this.guid = guid;
            this.clone = clone;
            this.channel = channel;
        }

        @Override
        public FileChannel channel() {
            return channel;
        }

        @Override
        public synchronized void close() throws IOException {
            if (!closed) {
                closed = true;
                try (channel) {
                    // Closed before the clone is destroyed, or it would be busy.
                }
                leave(guid, clone);
            }
        }
    }

    @Override
    public synchronized void close() {
        store.attempt("cannot end reading of snapshots", () -> {
            for (Map.Entry<String, Clone> left : Map.copyOf(open).entrySet()) {
                retire(left.getKey(), left.getValue());
            }
            sweep();
        });
    }
}
