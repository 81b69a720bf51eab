package org.flatsnap.fuseview;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;

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

    /**
     * Fills {@code target}, or as much of it as lies before the end of the file: the kernel takes fewer bytes for an end of
     * file, and programs believe it.
     *
     * @throws EOFException if the bytes end before the promised size
     */
    void read(ByteBuffer target, long position) throws IOException {
        long left = attributes.size() - position;
        if (left <= 0) {
            target.limit(target.position());
            return;
        }
        int start = target.position();
        target.limit(start + (int) Math.min(left, target.remaining()));
        while (target.hasRemaining()) {
            int before = target.position();
            file.read(target, position + before - start);
            if (target.position() <= before) {
                throw new EOFException("the content of " + node + " ends at " + (position + before - start) + " of "
                        + attributes.size() + " bytes");
            }
        }
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
