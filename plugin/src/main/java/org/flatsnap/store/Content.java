package org.flatsnap.store;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;

/**
 * Bytes of a published snapshot, which never change while they can be read. What was deleted meanwhile is told by
 * {@link java.nio.file.NoSuchFileException}. Safe for use by several threads.
 */
public interface Content {
    /**
     * What is known without opening it.
     *
     * @param size in bytes
     * @param blocks allocated blocks of 512 bytes; less than the size says if it is sparse
     * @param modified time of the last write
     */
    record Status(long size, long blocks, Instant modified) {}

    /** Tells size and room; cheap enough for every look at a directory. */
    Status status() throws IOException;

    /** Opens it for reading; it stays readable until closed, also when the snapshot is deleted meanwhile. */
    Reader open() throws IOException;

    /** The file that it is; empty if it can be read by {@link #open} alone. */
    default Optional<Path> file() {
        return Optional.empty();
    }

    /** A file that is replaced and never written to. */
    static Content of(Path file) {
        return new FileContent(file);
    }

    /** What is open. */
    interface Reader extends Closeable {
        /** To be read by position; closed with the reader. */
        FileChannel channel();

        /** The number of a file descriptor of the same, valid until it is closed. */
        int descriptor();
    }
}
