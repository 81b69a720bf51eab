package org.flatsnap.fuseview;

import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.IntSupplier;
import jnr.constants.platform.Errno;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * {@code /dev/fuse}, open for one mount: what goes to the kernel past libfuse, in the form of {@code linux/fuse.h}. A reply
 * to a request that was answered already, or that nobody waits for any more, is refused with ENOENT and does no harm.
 *
 * <p>The threads that serve the mount end before it is closed, so they need no lock; others ask through {@link #notify}.
 */
final class Device {

    /** {@code struct fuse_out_header}: length (4), negative error number (4), id of the request (8). */
    static final int HEADER = 16;

    private final LibFuse.Functions fuse;
    private final LibFuse.SystemCalls system;
    private final Runtime runtime;
    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private long channel;
    private int descriptor = -1;

    Device(LibFuse.Functions fuse, LibFuse.SystemCalls system) {
        this.fuse = fuse;
        this.system = system;
        this.runtime = Runtime.getRuntime(system);
    }

    void open(long present) {
        lock.writeLock().lock();
        try {
            channel = present;
            descriptor = fuse.fuse_chan_fd(present);
        } finally {
            lock.writeLock().unlock();
        }
    }

    /** From here on its number may belong to another file. */
    void close() {
        lock.writeLock().lock();
        try {
            channel = 0;
            descriptor = -1;
        } finally {
            lock.writeLock().unlock();
        }
    }

    int descriptor() {
        return descriptor;
    }

    static void header(Pointer memory, long unique, int errno, long bodyLength) {
        memory.putInt(0, (int) (HEADER + bodyLength));
        memory.putInt(4, -errno);
        memory.putLongLong(8, unique);
    }

    /** Sends a header and what stands behind it in {@code memory}; by threads of the mount. */
    void send(Pointer memory, long unique, int errno, int bodyLength) {
        header(memory, unique, errno, bodyLength);
        system.write(descriptor, memory.address(), HEADER + (long) bodyLength);
    }

    /** Answers a request with an error while the thread that has it cannot; by any thread. */
    void fail(long unique, Errno errno) {
        Pointer memory = Memory.allocateDirect(runtime, HEADER);
        notify(() -> {
            send(memory, unique, errno.intValue(), 0);
            return 0;
        });
    }

    /** Has the kernel forget a name, after the requests under way in that directory have ended; by any other thread. */
    void invalidateEntry(long parent, byte[] terminated) {
        notify(() -> fuse.fuse_lowlevel_notify_inval_entry(channel, parent, terminated, terminated.length - (long) 1));
    }

    /** Has the kernel forget attributes, bytes and listing; by any other thread. */
    void invalidateNode(long node) {
        notify(() -> fuse.fuse_lowlevel_notify_inval_inode(channel, node, 0, 0));
    }

    private void notify(IntSupplier call) {
        lock.readLock().lock();
        try {
            if (descriptor >= 0) {
                // ENOENT: the kernel has nothing of it; ENODEV: the mount is ending.
                call.getAsInt();
            }
        } finally {
            lock.readLock().unlock();
        }
    }
}
