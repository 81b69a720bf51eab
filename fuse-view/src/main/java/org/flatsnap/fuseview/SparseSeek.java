package org.flatsnap.fuseview;

import java.io.IOException;
import java.util.OptionalInt;
import jnr.constants.platform.Errno;
import jnr.ffi.Runtime;

/**
 * Finds the holes of sparse files for programs that copy without them: FUSE_LSEEK of {@code linux/fuse.h}, which is younger
 * than libfuse 2.9. The kernel asks for SEEK_DATA and SEEK_HOLE of lseek(2) only.
 */
final class SparseSeek {

    static final int OPCODE = 46;

    /** {@code struct fuse_lseek_in}. */
    static final int HANDLE = Incoming.SIZE;

    static final int POSITION = HANDLE + 8;
    static final int WHENCE = HANDLE + 16;

    private static final int SEEK_DATA = 3;

    private final LibFuse.SystemCalls system;
    private final Runtime runtime;

    SparseSeek(LibFuse.SystemCalls system) {
        this.system = system;
        this.runtime = Runtime.getRuntime(system);
    }

    /** The place looked for; negative for ENXIO. What has no descriptor, or a device, is data from end to end. */
    long find(OptionalInt descriptor, long from, int whence, long size) throws IOException {
        if (from < 0 || from >= size) {
            return -1;
        }
        if (descriptor.isPresent()) {
            long found = system.lseek(descriptor.getAsInt(), from, whence);
            if (found >= 0) {
                return Math.min(found, size);
            }
            int errno = runtime.getLastError();
            if (errno == Errno.ENXIO.intValue()) {
                return -1;
            }
            if (errno != Errno.EINVAL.intValue()) {
                throw new IOException(Errno.valueOf(errno).description());
            }
        }
        return whence == SEEK_DATA ? from : size;
    }
}
