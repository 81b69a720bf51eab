package org.flatsnap.linux;

import com.sun.jna.LastErrorException;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.util.Map;

/**
 * The C library's functions as they are declared in their man pages (section 2), with 64-bit {@code size_t}.
 *
 * <p>A failing call throws {@link LastErrorException} with the errno.
 */
interface CLibrary extends Library {
    CLibrary C = Native.load("c", CLibrary.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));

    // fcntl.h; the values are those of asm-generic, shared by x86-64 and aarch64.
    int O_RDONLY = 0;
    int O_WRONLY = 1;
    int O_RDWR = 2;
    int O_CREAT = 0x40;
    int O_EXCL = 0x80;
    int O_CLOEXEC = 0x80000;

    int open(String path, int flags, int mode) throws LastErrorException;

    String strerror(int errno);

    int close(int descriptor) throws LastErrorException;

    int unlink(String path) throws LastErrorException;

    int fsync(int descriptor) throws LastErrorException;

    int fallocate(int descriptor, int mode, long offset, long length) throws LastErrorException;

    int flock(int descriptor, int operation) throws LastErrorException;

    int ioctl(int descriptor, long request, Object... argument) throws LastErrorException;

    int fchown(int descriptor, int owner, int group) throws LastErrorException;

    int fchmod(int descriptor, int mode) throws LastErrorException;

    int statx(int directory, String path, int flags, int mask, Memory status) throws LastErrorException;

    int statfs(String path, Memory status) throws LastErrorException;

    long getxattr(String path, String name, Memory value, long size) throws LastErrorException;

    int setxattr(String path, String name, Pointer value, long size, int flags) throws LastErrorException;
}
