package org.flatsnap.linux;

import static org.flatsnap.linux.CLibrary.C;

import com.sun.jna.LastErrorException;
import java.nio.file.Path;

/** An open file descriptor. {@link #close()} is to be called once, by the thread that opened it or its successor. */
final class Descriptor implements AutoCloseable {
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

    int number() {
        return number;
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
