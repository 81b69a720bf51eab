package org.flatsnap.view;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Supplier;
import org.flatsnap.fuseview.Attributes;
import org.flatsnap.fuseview.OpenFile;
import org.flatsnap.fuseview.RegularFile;
import org.flatsnap.linux.FileStatus;

/** A file of a store, shown under a name and number of its own. */
final class StoredFile implements RegularFile {
    static final String METADATA = "snapshot.json";
    static final int PUBLIC = 0444;
    static final int PRIVATE = 0400;

    private final long inode;
    private final int permissions;
    private final Supplier<Path> path;

    StoredFile(long inode, int permissions, Supplier<Path> path) {
        this.inode = inode;
        this.permissions = permissions;
        this.path = path;
    }

    @Override
    public Attributes attributes() throws IOException {
        return attributes(path.get());
    }

    private Attributes attributes(Path file) throws IOException {
        FileStatus status = FileStatus.of(file);
        return new Attributes(
                inode, permissions, 0, 0, status.size(), status.blocks(), status.modified(), status.modified());
    }

    @Override
    public OpenFile open() throws IOException {
        Path file = path.get();
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        try {
            // A published file is replaced and never written to, so what is true now stays true for this open file.
            return new Open(channel, attributes(file));
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    private record Open(FileChannel channel, Attributes attributes) implements OpenFile {
        @Override
        public int read(ByteBuffer target, long position) throws IOException {
            return channel.read(target, position);
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
