package org.flatsnap.fuseview;

import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import jnr.constants.platform.Errno;

/** The one place where a throwable becomes an error number. */
final class ErrorNumbers {

    private ErrorNumbers() {}

    /** EIO stands for everything a tree did not foresee. */
    static Errno of(Throwable throwable) {
        if (throwable instanceof NoSuchFileException) {
            return Errno.ENOENT;
        }
        if (throwable instanceof AccessDeniedException) {
            return Errno.EACCES;
        }
        if (throwable instanceof NotDirectoryException) {
            return Errno.ENOTDIR;
        }
        if (throwable instanceof FileSystemLoopException) {
            return Errno.ELOOP;
        }
        return Errno.EIO;
    }
}
