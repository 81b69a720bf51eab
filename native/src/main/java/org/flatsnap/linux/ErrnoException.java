package org.flatsnap.linux;

import com.sun.jna.LastErrorException;
import java.io.IOException;
import java.nio.file.Path;

/** A system call failed. The message has the call, the path and the C library's text for the errno. */
public final class ErrnoException extends IOException {
    private final int errno;

    ErrnoException(String call, Path path, LastErrorException cause) {
        super(call + " " + path + ": " + cause.getMessage(), cause);
        this.errno = cause.getErrorCode();
    }

    /** The error number as in {@code asm-generic/errno.h}; {@link Errno} names those that matter here. */
    public int errno() {
        return errno;
    }
}
