package org.flatsnap.fuseview;

import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * The handle in {@code struct fuse_file_info} of {@code fuse_common.h}. jnr-fuse's structure of that name lacks a field, so
 * that its flags are misplaced; the offset here was taken from the C compiler.
 */
final class FileInformation {

    private static final long HANDLE_OFFSET = 24;

    private final Pointer memory;

    FileInformation(Runtime runtime, long address) {
        memory = Pointer.wrap(runtime, address);
    }

    long handle() {
        return memory.getLongLong(HANDLE_OFFSET);
    }

    void handle(long handle) {
        memory.putLongLong(HANDLE_OFFSET, handle);
    }
}
