package org.flatsnap.linux;

import static org.flatsnap.linux.CLibrary.C;

import com.sun.jna.LastErrorException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * An exclusive flock(2) on a file: it excludes every other holder, in this process too, and on OCFS2 on every node of the
 * cluster (the fcntl locks of {@code java.nio} do not cross nodes). The kernel frees it when the process ends, however it ends.
 */
public final class Flock implements AutoCloseable {
    /** {@code LOCK_EX | LOCK_NB}, sys/file.h. */
    private static final int EXCLUSIVE_OR_FAIL = 2 | 4;

    private final Descriptor descriptor;

    private Flock(Descriptor descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Takes the lock if it is free, without waiting. The file is made if it is missing. Where somebody removes it, whoever
     * takes the lock has to ask {@link #stillLocks}: a lock on a removed file excludes nobody.
     *
     * @return the lock, or nothing if somebody else holds it
     */
    public static Optional<Flock> tryLock(Path file) throws IOException {
        Descriptor descriptor = Descriptor.open(file, CLibrary.O_RDWR | CLibrary.O_CREAT, 0600);
        try {
            C.flock(descriptor.number(), EXCLUSIVE_OR_FAIL);
            return Optional.of(new Flock(descriptor));
        } catch (LastErrorException e) {
            descriptor.close();
            if (e.getErrorCode() == Errno.EAGAIN) {
                return Optional.empty();
            }
            throw new ErrnoException("flock", file, e);
        }
    }

    /**
     * Whether a name leads to the file that is locked: between its opening and its locking it may have been removed, and
     * another one made in its place. While this is held and only its holder removes the file, the answer stays the same.
     */
    public boolean stillLocks(Path file) throws IOException {
        try {
            // While it is open here, no other file gets its inode.
            return FileStatus.of(file).inode() == FileStatus.of(descriptor).inode();
        } catch (ErrnoException e) {
            if (e.errno() == Errno.ENOENT) {
                return false;
            }
            throw e;
        }
    }

    /** Frees the lock. */
    @Override
    public void close() throws IOException {
        descriptor.close();
    }
}
