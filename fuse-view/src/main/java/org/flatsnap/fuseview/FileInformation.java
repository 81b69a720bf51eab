package org.flatsnap.fuseview;

import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * {@code struct fuse_file_info} of {@code fuse_common.h}. jnr-fuse's structure of that name lacks a field, so that its flags
 * are misplaced; the offsets here were taken from the C compiler.
 */
final class FileInformation {

    static final int SIZE = 40;

    private static final long FLAGS_OFFSET = 0;
    private static final long BITS_OFFSET = 20;
    private static final long HANDLE_OFFSET = 24;
    private static final int DIRECT_IO = 1;
    private static final int KEEP_CACHE = 2;
    /** {@code asm-generic/fcntl.h}; it differs on ARM. */
    private static final int O_DIRECT = System.getProperty("os.arch").equals("aarch64") ? 0200000 : 040000;

    private final Pointer memory;

    FileInformation(Runtime runtime, long address) {
        this(Pointer.wrap(runtime, address));
    }

    FileInformation(Pointer memory) {
        this.memory = memory;
    }

    long handle() {
        return memory.getLongLong(HANDLE_OFFSET);
    }

    /** Whether the program wants to go past the page cache. */
    boolean direct() {
        return (memory.getInt(FLAGS_OFFSET) & O_DIRECT) != 0;
    }

    /** @param direct whether reads go past the page cache; otherwise what is in there from earlier stays */
    FileInformation opened(long handle, boolean direct) {
        memory.putLongLong(HANDLE_OFFSET, handle);
        memory.putInt(BITS_OFFSET, direct ? DIRECT_IO : KEEP_CACHE);
        return this;
    }

    long address() {
        return memory.address();
    }
}
