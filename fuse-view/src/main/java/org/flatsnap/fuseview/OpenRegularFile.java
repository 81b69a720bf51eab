package org.flatsnap.fuseview;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalInt;

/** A file that a program has open, with the size it was promised. */
final class OpenRegularFile implements Closeable {

    private final KnownNode node;
    private final OpenFile file;
    private final Attributes attributes;

    private OpenRegularFile(KnownNode node, OpenFile file, Attributes attributes) {
        this.node = node;
        this.file = file;
        this.attributes = attributes;
    }

    static OpenRegularFile open(KnownNode node) throws IOException {
        OpenFile file = node.regularFile().open();
        try {
            return new OpenRegularFile(node, file, file.attributes());
        } catch (Throwable e) {
            closeAfter(e, file);
            throw e;
        }
    }

    KnownNode node() {
        return node;
    }

    Attributes attributes() {
        return attributes;
    }

    Optional<Object> source() {
        return node.node().source();
    }

    OptionalInt descriptor() {
        return file.descriptor();
    }

    /** How many of {@code size} bytes at {@code position} lie before the end of the file. */
    int available(long position, long size) {
        return (int) Math.max(0, Math.min(size, attributes.size() - position));
    }

    /** Has these bytes, all below the promised size, moved to the kernel; see {@link Pipe#fill}. */
    boolean fill(Pipe pipe, long unique, long position, int size) throws IOException {
        try {
            return pipe.fill(unique, file.descriptor().orElseThrow(), position, size);
        } catch (EOFException e) {
            throw early(position, e);
        }
    }

    /**
     * Fills {@code target} with bytes below the promised size: the kernel takes fewer bytes for an end of file, and
     * programs believe it.
     *
     * @throws EOFException if the bytes end before
     */
    void read(ByteBuffer target, long position) throws IOException {
        int start = target.position();
        while (target.hasRemaining()) {
            int before = target.position();
            file.read(target, position + before - start);
            if (target.position() <= before) {
                throw early(position + before - start, null);
            }
        }
    }

    private EOFException early(long position, Throwable cause) {
        EOFException early = new EOFException(
                "the content of " + node + " ends at or after " + position + " of " + attributes.size() + " bytes");
        early.initCause(cause);
        return early;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private static void closeAfter(Throwable failure, OpenFile file) {
        try {
            file.close();
        } catch (IOException | RuntimeException e) {
            failure.addSuppressed(e);
        }
    }
}
