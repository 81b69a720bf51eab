package org.flatsnap.linux;

import static org.flatsnap.linux.CLibrary.C;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Where a file's bytes lie on the device, by {@code FS_IOC_FIEMAP} (Documentation/filesystems/fiemap.rst). Two files share
 * blocks where their physical ranges overlap. The kernel's own "shared" flag is not looked at: on OCFS2 it stays set after
 * the last sharer is gone.
 */
public final class Extents {
    /** {@code FS_IOC_FIEMAP}, linux/fs.h: _IOWR('f', 11, struct fiemap). */
    private static final long FS_IOC_FIEMAP = 0xC020660BL;

    // struct fiemap and struct fiemap_extent, linux/fiemap.h.
    private static final int HEADER = 32;
    private static final int LENGTH = 8;
    private static final int FLAGS = 16;
    private static final int MAPPED = 20;
    private static final int COUNT = 24;
    private static final int EXTENT = 56;
    private static final int EXTENT_PHYSICAL = 8;
    private static final int EXTENT_LENGTH = 16;
    private static final int EXTENT_FLAGS = 40;
    private static final int FIEMAP_FLAG_SYNC = 1;
    private static final int FIEMAP_EXTENT_LAST = 1;
    /** No block of the device: unknown, not yet written, or inside the inode. */
    private static final int WITHOUT_PLACE = 0x2 | 0x4 | 0x200;

    private static final int BATCH = 1024;

    private static final List<Integer> NO_ROOM = List.of(Errno.ENOSPC, Errno.EDQUOT, Errno.EOPNOTSUPP);

    /** linux/falloc.h. */
    private static final int FALLOC_FL_KEEP_SIZE = 1;

    /**
     * A run of bytes on the device.
     *
     * @param start the first byte
     * @param length how many; at least 1
     */
    public record Range(long start, long length) {
        /** The first byte behind it. */
        public long end() {
            return start + length;
        }
    }

    private Extents() {}

    /**
     * Gives a file room for bytes that are written to it later, also behind its end, which stays where it is.
     *
     * @param length bytes from {@code offset} on, at least 1
     * @return false where there is no such room, or the file system cannot keep any
     */
    public static boolean tryAllocate(Path file, long offset, long length) throws IOException {
        try (Descriptor descriptor = Descriptor.open(file, CLibrary.O_WRONLY, 0)) {
            C.fallocate(descriptor.number(), FALLOC_FL_KEEP_SIZE, offset, length);
            return true;
        } catch (LastErrorException e) {
            if (NO_ROOM.contains(e.getErrorCode())) {
                return false;
            }
            throw new ErrnoException("fallocate", file, e);
        }
    }

    /**
     * The physical ranges of a file in the order of its bytes, dirty pages written first. Holes have none.
     *
     * @throws ErrnoException EOPNOTSUPP where the file system cannot tell
     */
    public static List<Range> of(Path file) throws IOException {
        List<Range> ranges = new ArrayList<>();
        try (Descriptor descriptor = Descriptor.open(file, CLibrary.O_RDONLY, 0);
                Memory request = new Memory(HEADER + (long) BATCH * EXTENT)) {
            long position = 0;
            while (true) {
                request.clear();
                request.setLong(0, position);
                request.setLong(LENGTH, Long.MAX_VALUE - position);
                request.setInt(FLAGS, FIEMAP_FLAG_SYNC);
                request.setInt(COUNT, BATCH);
                C.ioctl(descriptor.number(), FS_IOC_FIEMAP, request);
                int mapped = request.getInt(MAPPED);
                if (mapped == 0) {
                    return ranges;
                }
                for (int i = 0; i < mapped; i++) {
                    long extent = HEADER + (long) i * EXTENT;
                    int flags = request.getInt(extent + EXTENT_FLAGS);
                    long length = request.getLong(extent + EXTENT_LENGTH);
                    if ((flags & WITHOUT_PLACE) == 0) {
                        ranges.add(new Range(request.getLong(extent + EXTENT_PHYSICAL), length));
                    }
                    if ((flags & FIEMAP_EXTENT_LAST) != 0) {
                        return ranges;
                    }
                    position = request.getLong(extent) + length;
                }
            }
        } catch (LastErrorException e) {
            throw new ErrnoException("FS_IOC_FIEMAP", file, e);
        }
    }
}
