package org.flatsnap.fuseview;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.OptionalInt;

/**
 * A file that a program has open. It holds whatever is needed to read on, so that it stays readable after its name has
 * left the tree.
 *
 * <p>{@link #read} is called by several threads at once, always at explicit positions; {@link #close} is called once,
 * after all reads have ended.
 */
public interface OpenFile extends Closeable {

    /**
     * The attributes of the open file, asked once, right after it was opened. Their size is a promise: bytes from 0 to
     * size are readable until the file is closed.
     *
     * @throws IOException if they cannot be had; the opening then fails
     */
    Attributes attributes() throws IOException;

    /**
     * Reads at least one byte at {@code position} into {@code target}, which has room and is a direct buffer. Fewer bytes
     * than fit are no end of file: the mount asks again for the rest.
     *
     * @param position bytes from the start of the file, below the promised size
     * @return the number of bytes read, or -1 at the end of the file. An end before the promised size is answered EIO, so
     *     that no copy is ever silently short.
     * @throws IOException if the bytes cannot be read
     */
    int read(ByteBuffer target, long position) throws IOException;

    /**
     * The number of an open file that has the same bytes at the same positions, from which they can go to the kernel without
     * being copied, and whose holes are holes of this one. Used instead of {@link #read} for most reads, and valid until this
     * is closed.
     */
    default OptionalInt descriptor() {
        return OptionalInt.empty();
    }
}
