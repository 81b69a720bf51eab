package org.flatsnap.fuseview;

import java.nio.ByteBuffer;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Platform;
import jnr.ffi.Pointer;
import jnr.ffi.annotations.Delegate;
import jnr.ffi.annotations.In;
import jnr.ffi.annotations.Out;
import jnr.ffi.types.off_t;
import jnr.ffi.types.size_t;

/**
 * libfuse 2.9's low-level interface, as in {@code fuse_lowlevel.h}, {@code fuse_common.h} and {@code fuse_opt.h}. Opaque
 * pointers ({@code fuse_req_t}, {@code struct fuse_session *}, {@code struct fuse_chan *}) are plain longs, so 64-bit
 * platforms only.
 *
 * <p>jnr-fuse binds the interface above this one, which knows files by path: it decodes names in the platform's character
 * set and gives a new file the page cache of the removed one whose name it has. Of jnr-fuse the structures are used.
 */
final class LibFuse {

    /** The name that ld.so(8) knows it by; a plain "fuse" needs the development package. */
    static final String NAME = "libfuse.so.2";

    private LibFuse() {}

    static Functions load(String name) throws MountException {
        try {
            return LibraryLoader.create(Functions.class).failImmediately().load(name);
        } catch (UnsatisfiedLinkError e) {
            throw new MountException(
                    "cannot load " + name + ": " + e.getMessage(),
                    "install libfuse2 (package libfuse2 or libfuse2t64 on Debian and Ubuntu, fuse-libs on Fedora)",
                    e);
        }
    }

    static SystemCalls system() {
        return LibraryLoader.create(SystemCalls.class)
                .failImmediately()
                .load(Platform.getNativePlatform().getStandardCLibraryName());
    }

    // jnr-ffi implements these in classes of another loader, so they must be public for the virtual machine.

    /**
     * Calls into libfuse. Those named {@code fuse_reply} answer 0, or -ENOENT when nobody waits any longer; those named
     * {@code notify} answer 0 or a negative error number.
     */
    public interface Functions {
        long fuse_mount(@In byte[] mountPoint, FuseArguments arguments);

        void fuse_unmount(@In byte[] mountPoint, long channel);

        long fuse_lowlevel_new(
                FuseArguments arguments, @In Pointer operations, @size_t long operationsSize, long userData);

        void fuse_opt_free_args(FuseArguments arguments);

        void fuse_session_add_chan(long session, long channel);

        void fuse_session_remove_chan(long channel);

        void fuse_session_destroy(long session);

        int fuse_session_exited(long session);

        int fuse_session_receive_buf(long session, long buffer, long channel);

        void fuse_session_process_buf(long session, long buffer, long channel);

        long fuse_chan_new(@In Pointer operations, int descriptor, @size_t long bufferSize, long data);

        void fuse_chan_destroy(long channel);

        int fuse_chan_fd(long channel);

        @size_t
        long fuse_chan_bufsize(long channel);

        int fuse_lowlevel_notify_inval_inode(long channel, long node, @off_t long offset, @off_t long length);

        int fuse_lowlevel_notify_inval_entry(long channel, long parent, @In byte[] name, @size_t long nameLength);

        int fuse_reply_err(long request, int errno);

        void fuse_reply_none(long request);

        int fuse_reply_entry(long request, @In Pointer entry);

        int fuse_reply_attr(long request, @In Pointer stat, double timeout);

        int fuse_reply_readlink(long request, @In byte[] target);

        int fuse_reply_open(long request, long fileInformation);

        int fuse_reply_buf(long request, @In ByteBuffer bytes, @size_t long size);

        int fuse_reply_statfs(long request, @In Pointer statvfs);
    }

    /** Calls of libc: what libfuse leaves to do when unmounting, and what moves bytes without copying them. */
    public interface SystemCalls {
        int umount2(@In byte[] mountPoint, int flags);

        int statvfs(@In byte[] path, @Out byte[] status);

        int pipe2(@Out int[] descriptors, int flags);

        int fcntl(int descriptor, int command, long argument);

        int close(int descriptor);

        long write(int descriptor, long bytes, @size_t long size);

        /**
         * Positions are pointers and not longs, because jnr-ffi 2.2.16 hands over a wrong sixth argument where all six are
         * numbers.
         */
        long splice(int from, Pointer fromPosition, int to, Pointer toPosition, @size_t long size, int flags);

        @off_t
        long lseek(int descriptor, @off_t long position, int whence);
    }

    /** Takes a reply of libfuse: channel, array of {@code struct iovec}, its length. */
    public interface SendCallback {
        @Delegate
        int call(long channel, long vector, long count);
    }

    /** A request with a node. */
    public interface NodeCallback {
        @Delegate
        void call(long request, long node);
    }

    /** A request with a node and one more argument. */
    public interface ArgumentCallback {
        @Delegate
        void call(long request, long node, long argument);
    }

    /** A request for a piece of an open file or directory. */
    public interface ReadCallback {
        @Delegate
        void call(long request, long node, long size, long position, long fileInformation);
    }
}
