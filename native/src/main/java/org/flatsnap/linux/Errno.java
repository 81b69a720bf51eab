package org.flatsnap.linux;

/** The error numbers that callers tell apart, from {@code asm-generic/errno-base.h} and {@code errno.h}. */
public final class Errno {
    /** No such file or directory. */
    public static final int ENOENT = 2;
    /** No such process. */
    public static final int ESRCH = 3;
    /** Input or output error. */
    public static final int EIO = 5;
    /** Would block: a lock is held by somebody else. */
    public static final int EAGAIN = 11;
    /** Permission denied. */
    public static final int EACCES = 13;
    /** Device or resource busy. */
    public static final int EBUSY = 16;
    /** File exists. */
    public static final int EEXIST = 17;
    /** The two files lie on different file systems. */
    public static final int EXDEV = 18;
    /** Invalid argument. */
    public static final int EINVAL = 22;
    /** The file or file system has no such ioctl. */
    public static final int ENOTTY = 25;
    /** No space left on device. */
    public static final int ENOSPC = 28;
    /** Read-only file system. */
    public static final int EROFS = 30;
    /** The answer does not fit into the room given for it. */
    public static final int ERANGE = 34;
    /** File name too long. */
    public static final int ENAMETOOLONG = 36;
    /** No such attribute. */
    public static final int ENODATA = 61;
    /** Operation not supported. */
    public static final int EOPNOTSUPP = 95;
    /** Disk quota exceeded. */
    public static final int EDQUOT = 122;

    private Errno() {}

    /** The C library's text for an error number, in the language of the locale: what java.nio puts into its exceptions. */
    public static String text(int errno) {
        return CLibrary.C.strerror(errno);
    }
}
