package org.flatsnap.linux;

import static org.flatsnap.linux.CLibrary.C;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import java.nio.file.Path;

/** An open file descriptor. {@link #close()} is to be called once, by the thread that opened it or its successor. */
public final class Descriptor implements AutoCloseable {
    private final int number;
    private final Path path;

    private Descriptor(int number, Path path) {
        this.number = number;
        this.path = path;
    }

    static Descriptor open(Path path, int flags, int mode) throws ErrnoException {
        try {
            return new Descriptor(C.open(path.toString(), flags | CLibrary.O_CLOEXEC, mode), path);
        } catch (LastErrorException e) {
            throw new ErrnoException("open", path, e);
        }
    }

    /** Opens what exists for reading: a file, a device or a pipe, which waits for its writer. */
    public static Descriptor openForReading(Path path) throws ErrnoException {
        return open(path, CLibrary.O_RDONLY, 0);
    }

    /** The number by which C libraries know it, valid until {@link #close()}. */
    public int number() {
        return number;
    }

    /** The name by which it was opened. */
    Path path() {
        return path;
    }

    /**
     * Calls ioctl(2) with a request that only fills a buffer, an {@code _IOR} of asm-generic/ioctl.h.
     *
     * @param size bytes of that buffer
     * @return the buffer
     */
    public byte[] readIoctl(long request, int size) throws ErrnoException {
        try (Memory answer = new Memory(size)) {
            answer.clear();
            C.ioctl(number, request, answer);
            return answer.getByteArray(0, size);
        } catch (LastErrorException e) {
            throw new ErrnoException("ioctl 0x" + Long.toHexString(request), path, e);
        }
    }

    void sync() throws ErrnoException {
        try {
            C.fsync(number);
        } catch (LastErrorException e) {
            throw new ErrnoException("fsync", path, e);
        }
    }

    @Override
    public void close() throws ErrnoException {
        try {
            C.close(number);
        } catch (LastErrorException e) {
            throw new ErrnoException("close", path, e);
        }
    }
}
