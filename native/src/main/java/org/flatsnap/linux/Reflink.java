package org.flatsnap.linux;

import static org.flatsnap.linux.CLibrary.C;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import com.sun.jna.ptr.IntByReference;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Clones whole files by sharing their blocks. Always whole files: on OCFS2 with clusters larger than blocks, range clones
 * return success and write wrong content.
 */
public final class Reflink {
    /** {@code FICLONE}, linux/fs.h: _IOW(0x94, 9, int). */
    private static final long FICLONE = 0x40049409L;

    /** {@code OCFS2_IOC_REFLINK}, fs/ocfs2/ocfs2_ioctl.h: _IOW('o', 4, struct reflink_arguments), three u64. */
    private static final long OCFS2_IOC_REFLINK = 0x40186F04L;

    /** {@code FS_IOC_GETFLAGS} and {@code FS_IOC_SETFLAGS}, linux/fs.h, for 64-bit long. */
    private static final long FS_IOC_GETFLAGS = 0x80086601L;

    private static final long FS_IOC_SETFLAGS = 0x40086602L;

    /** {@code FS_NOCOW_FL}, linux/fs.h. */
    private static final int FS_NOCOW_FL = 0x00800000;

    private Reflink() {}

    /**
     * Makes {@code target} a clone of {@code source}: the same bytes at one moment, sharing all blocks until one is overwritten.
     * Dirty pages of the source are part of it. The clone belongs to the caller, with mode 0600; only its data is cloned,
     * and the source's NOCOW flag, without which btrfs refuses.
     *
     * @param target must not exist, on the file system of {@code source}
     * @throws ErrnoException EEXIST if the target exists, EXDEV across file systems, EOPNOTSUPP or ENOTTY where the file system
     *     cannot, EINVAL where the file is of the wrong kind, ENOSPC when full; then no target is left behind
     */
    public static void cloneFile(Path source, Path target) throws IOException {
        try (Descriptor from = Descriptor.open(source, CLibrary.O_RDONLY, 0)) {
            try (Descriptor to =
                    Descriptor.open(target, CLibrary.O_WRONLY | CLibrary.O_CREAT | CLibrary.O_EXCL, 0600)) {
                copyNocow(from, to);
                C.ioctl(to.number(), FICLONE, from.number());
                return;
            } catch (LastErrorException e) {
                remove(target, e);
                if (!unsupported(e)) {
                    throw new ErrnoException("FICLONE", target, e);
                }
            }
            cloneByPath(from, source, target);
        }
    }

    /**
     * Gives an empty file the NOCOW flag of another file or of a directory, if that has it: btrfs takes it only before the first
     * write, and hands it down only to what is made in a directory.
     */
    public static void copyNocow(Path source, Path target) throws IOException {
        try (Descriptor from = Descriptor.open(source, CLibrary.O_RDONLY, 0);
                Descriptor to = Descriptor.open(target, CLibrary.O_WRONLY, 0)) {
            copyNocow(from, to);
        } catch (LastErrorException e) {
            throw new ErrnoException("FS_IOC_SETFLAGS", target, e);
        }
    }

    private static void cloneByPath(Descriptor from, Path source, Path target) throws ErrnoException {
        try (Memory arguments = new Memory(3 * Long.BYTES);
                Memory oldPath = text(source);
                Memory newPath = text(target)) {
            arguments.setPointer(0, oldPath);
            arguments.setPointer(Long.BYTES, newPath);
            // preserve = 0: owner and mode are the caller's, as with FICLONE.
            arguments.setLong(2 * Long.BYTES, 0);
            C.ioctl(from.number(), OCFS2_IOC_REFLINK, arguments);
        } catch (LastErrorException e) {
            throw new ErrnoException("FICLONE and OCFS2_IOC_REFLINK", target, e);
        }
    }

    private static void copyNocow(Descriptor from, Descriptor to) {
        IntByReference flags = new IntByReference();
        try {
            C.ioctl(from.number(), FS_IOC_GETFLAGS, flags);
        } catch (LastErrorException e) {
            if (unsupported(e)) {
                // A file system without such flags has no NOCOW.
                return;
            }
            throw e;
        }
        if ((flags.getValue() & FS_NOCOW_FL) != 0) {
            IntByReference own = new IntByReference();
            C.ioctl(to.number(), FS_IOC_GETFLAGS, own);
            own.setValue(own.getValue() | FS_NOCOW_FL);
            C.ioctl(to.number(), FS_IOC_SETFLAGS, own);
        }
    }

    private static boolean unsupported(LastErrorException e) {
        return e.getErrorCode() == Errno.EOPNOTSUPP || e.getErrorCode() == Errno.ENOTTY;
    }

    private static void remove(Path target, LastErrorException cause) {
        try {
            C.unlink(target.toString());
        } catch (LastErrorException e) {
            cause.addSuppressed(e);
        }
    }

    private static Memory text(Path path) {
        byte[] bytes = path.toAbsolutePath().toString().getBytes(StandardCharsets.UTF_8);
        Memory memory = new Memory(bytes.length + 1L);
        memory.write(0, bytes, 0, bytes.length);
        memory.setByte(bytes.length, (byte) 0);
        return memory;
    }
}
