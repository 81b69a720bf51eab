package org.flatsnap.fuseview;

import java.io.EOFException;
import java.io.IOException;
import jnr.constants.platform.Errno;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * Takes bytes from a file to the kernel without copying them (splice(2)): header and bytes go into a pipe, and from there to
 * the device as one reply. For one thread.
 *
 * <p>libfuse has this too ({@code fuse_reply_data}), but where the file fails or ends half way it sends what it has got, and
 * the kernel takes a short reply for the end of the file: programs would copy a part and see no error. Here nothing is
 * sent before all bytes are in the pipe.
 */
final class Pipe implements AutoCloseable {

    /** {@code fcntl.h}. */
    private static final int O_CLOEXEC = 02000000;

    private static final int F_SETPIPE_SZ = 1031;
    private static final int SPLICE_F_MOVE = 1;
    private static final int SPLICE_F_NONBLOCK = 2;
    /**
     * A place for each page of the largest read ({@link Handshake}), and for its header; the kernel makes a power of two of
     * it. More than this not even root gets in many containers ({@code /proc/sys/fs/pipe-max-size}).
     */
    private static final int SIZE = 1 << 20;

    private final LibFuse.SystemCalls system;
    private final Device device;
    private final Runtime runtime;
    private final Pointer header;
    private final Pointer position;
    private final int[] ends = {-1, -1};
    private boolean unable;

    Pipe(LibFuse.SystemCalls system, Device device) {
        this.system = system;
        this.device = device;
        this.runtime = Runtime.getRuntime(system);
        this.header = Memory.allocateDirect(runtime, Device.HEADER);
        this.position = Memory.allocateDirect(runtime, Long.BYTES);
    }

    /**
     * Puts a reply together.
     *
     * @return false if this system cannot, so that the bytes have to be copied
     * @throws IOException if the file fails or ends before {@code size} bytes; nothing is in the pipe then
     */
    boolean fill(long unique, int descriptor, long from, int size) throws IOException {
        if (!open()) {
            return false;
        }
        Device.header(header, unique, 0, size);
        if (system.write(ends[1], header.address(), Device.HEADER) != Device.HEADER) {
            close();
            return false;
        }
        position.putLongLong(0, from);
        long left = size;
        while (left > 0) {
            long moved = system.splice(descriptor, position, ends[1], null, left, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (moved <= 0) {
                int errno = moved == 0 ? 0 : runtime.getLastError();
                if (errno == Errno.EINTR.intValue()) {
                    continue;
                }
                // What is in the pipe already would be taken for the next reply.
                close();
                if (errno == Errno.EINVAL.intValue() || errno == Errno.EAGAIN.intValue()) {
                    return false;
                }
                long reached = from + size - left;
                throw moved == 0
                        ? new EOFException("the file ends at " + reached)
                        : new IOException("reading at " + reached + ": "
                                + Errno.valueOf(errno).description());
            }
            left -= moved;
        }
        return true;
    }

    /** Sends what {@link #fill} has put in. */
    void send(int size) {
        long whole = Device.HEADER + (long) size;
        if (system.splice(ends[0], null, device.descriptor(), null, whole, 0) != whole) {
            // Nobody waits for it any more.
            close();
        }
    }

    private boolean open() {
        if (ends[0] >= 0) {
            return true;
        }
        if (unable) {
            return false;
        }
        if (system.pipe2(ends, O_CLOEXEC) != 0) {
            ends[0] = -1;
            return false;
        }
        if (system.fcntl(ends[1], F_SETPIPE_SZ, SIZE) < SIZE) {
            unable = true;
            close();
            return false;
        }
        return true;
    }

    @Override
    public void close() {
        if (ends[0] >= 0) {
            system.close(ends[0]);
            system.close(ends[1]);
            ends[0] = -1;
        }
    }
}
