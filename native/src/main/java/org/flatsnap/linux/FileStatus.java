package org.flatsnap.linux;

import static org.flatsnap.linux.CLibrary.C;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;

/**
 * What statx(2) tells of a file.
 *
 * @param mode type and permission bits as in st_mode
 * @param size in bytes
 * @param blocks allocated blocks of 512 bytes; less than the size says if the file is sparse
 * @param made when the file was made; the time of the last write where the file system does not know (OCFS2)
 */
public record FileStatus(
        int mode, int owner, int group, long inode, long size, long blocks, Instant made, Instant modified) {
    // linux/stat.h: struct statx is the same on every architecture.
    private static final int SIZE = 256;
    private static final int STATX_BASIC_STATS = 0x7ff;
    private static final int STATX_BTIME = 0x800;
    private static final int AT_FDCWD = -100;
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int MASK = 0;
    private static final int OWNER = 20;
    private static final int GROUP = 24;
    private static final int MODE = 28;
    private static final int INODE = 32;
    private static final int FILE_SIZE = 40;
    private static final int BLOCKS = 48;
    // struct statx_timestamp: seconds, then nanoseconds after 8 bytes.
    private static final int MADE = 80;
    private static final int MODIFIED = 112;

    /** Reads the status, following symbolic links. */
    public static FileStatus of(Path path) throws IOException {
        return read(AT_FDCWD, path.toString(), 0, path);
    }

    /** Reads the status of an open file, whatever name it has or had. */
    static FileStatus of(Descriptor open) throws IOException {
        return read(open.number(), "", AT_EMPTY_PATH, open.path());
    }

    private static FileStatus read(int directory, String name, int flags, Path path) throws IOException {
        try (Memory status = new Memory(SIZE)) {
            C.statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME, status);
            boolean knowsMaking = (status.getInt(MASK) & STATX_BTIME) != 0;
            return new FileStatus(
                    Short.toUnsignedInt(status.getShort(MODE)),
                    status.getInt(OWNER),
                    status.getInt(GROUP),
                    status.getLong(INODE),
                    status.getLong(FILE_SIZE),
                    status.getLong(BLOCKS),
                    time(status, knowsMaking ? MADE : MODIFIED),
                    time(status, MODIFIED));
        } catch (LastErrorException e) {
            throw new ErrnoException("statx", path, e);
        }
    }

    private static Instant time(Memory status, int offset) {
        return Instant.ofEpochSecond(status.getLong(offset), status.getInt(offset + Long.BYTES));
    }

    /** The permission bits alone. */
    public int permissions() {
        return mode & 07777;
    }
}
