package org.flatsnap.fuseview;

import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * The first request of a mount, FUSE_INIT of {@code linux/fuse.h}, answered for libfuse. libfuse 2.9 knows version 7.19 of
 * the protocol; what it would answer leaves the kernel with reads of 128 KiB at most, look-ups in one directory one after
 * the other, and twelve read-aheads at a time. libfuse handles the request too, for its own state, and its answer is dropped.
 */
final class Handshake {

    /** FUSE_INIT. */
    static final int OPCODE = 26;

    private static final int IN_MINOR = 44;
    private static final int IN_READ_AHEAD = 48;
    private static final int IN_FLAGS = 52;

    private static final int MAJOR = 7;
    /** From this version on nothing that is used here has changed its form. */
    private static final int MINOR = 31;

    private static final int ASYNC_READ = 1;
    private static final int AUTO_INVAL_DATA = 1 << 12;
    private static final int ASYNC_DIO = 1 << 15;
    private static final int PARALLEL_DIROPS = 1 << 18;
    private static final int MAX_PAGES = 1 << 22;
    private static final int WANTED = ASYNC_READ | AUTO_INVAL_DATA | ASYNC_DIO | PARALLEL_DIROPS | MAX_PAGES;

    /** {@code struct fuse_init_out}. */
    private static final int OUT_SIZE = 64;

    /** 512 KiB a read, so that it and its header fit into a {@link Pipe}. */
    private static final short PAGES = 128;

    /** Read-aheads at a time, so that those of a store which hangs do not keep others from being asked. */
    private static final short BACKGROUND = 64;

    private static final short CONGESTED = 48;
    /** Nothing is ever written, but less than a page is refused. */
    private static final int WRITE = 4096;

    private final LibFuse.Functions fuse;
    private final Device device;
    private final Runtime runtime;
    private final Pointer operations;
    // The native end of a callback is freed with its Java object.
    private final LibFuse.SendCallback drop = (channel, vector, count) -> 0;

    Handshake(LibFuse.Functions fuse, Device device) {
        this.fuse = fuse;
        this.device = device;
        this.runtime = Runtime.getRuntime(fuse);
        // struct fuse_chan_ops: receive, send, destroy.
        operations = Memory.allocateDirect(runtime, 3L * Long.BYTES, true);
        operations.putPointer(
                Long.BYTES, runtime.getClosureManager().getClosurePointer(LibFuse.SendCallback.class, drop));
    }

    /** @param buffer libfuse's {@code struct fuse_buf} around {@code request} */
    void answer(long session, long channel, Pointer buffer, Pointer request, long unique) {
        long nowhere = fuse.fuse_chan_new(operations, -1, fuse.fuse_chan_bufsize(channel), 0);
        try {
            fuse.fuse_session_process_buf(session, buffer.address(), nowhere);
        } finally {
            fuse.fuse_chan_destroy(nowhere);
        }
        Pointer reply = Memory.allocateDirect(runtime, (long) Device.HEADER + OUT_SIZE, true);
        Pointer body = reply.slice(Device.HEADER, OUT_SIZE);
        body.putInt(0, MAJOR);
        body.putInt(4, Math.min(MINOR, request.getInt(IN_MINOR)));
        body.putInt(8, request.getInt(IN_READ_AHEAD));
        body.putInt(12, request.getInt(IN_FLAGS) & WANTED);
        body.putShort(16, BACKGROUND);
        body.putShort(18, CONGESTED);
        body.putInt(20, WRITE);
        // Nanoseconds.
        body.putInt(24, 1);
        body.putShort(28, PAGES);
        device.send(reply, unique, 0, OUT_SIZE);
    }
}
