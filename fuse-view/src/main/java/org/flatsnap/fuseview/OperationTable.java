package org.flatsnap.fuseview;

import java.util.ArrayList;
import java.util.List;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;

/**
 * The callbacks libfuse calls, as {@code struct fuse_lowlevel_ops} of {@code fuse_lowlevel.h}. libfuse answers ENOSYS for a
 * slot that stays empty. The kernel takes that for flush and the extended attributes as "do not ask again", and tells
 * programs ENOTSUP for the latter.
 */
final class OperationTable {

    /** All slots up to the last one in use, in the order of the header; the structure may be handed over shorter. */
    enum Slot {
        INIT,
        DESTROY,
        LOOKUP,
        FORGET,
        GETATTR,
        SETATTR,
        READLINK,
        MKNOD,
        MKDIR,
        UNLINK,
        RMDIR,
        SYMLINK,
        RENAME,
        LINK,
        OPEN,
        READ,
        WRITE,
        FLUSH,
        RELEASE,
        FSYNC,
        OPENDIR,
        READDIR,
        RELEASEDIR,
        FSYNCDIR,
        STATFS
    }

    private final Runtime runtime;
    private final Pointer memory;
    // The native end of a callback is freed with its Java object.
    private final List<Object> callbacks = new ArrayList<>();

    OperationTable(Runtime runtime) {
        this.runtime = runtime;
        this.memory = Memory.allocateDirect(runtime, size(), true);
    }

    void bind(Slot slot, LibFuse.NodeCallback callback) {
        put(slot, LibFuse.NodeCallback.class, callback);
    }

    void bind(Slot slot, LibFuse.ArgumentCallback callback) {
        put(slot, LibFuse.ArgumentCallback.class, callback);
    }

    void bind(Slot slot, LibFuse.ReadCallback callback) {
        put(slot, LibFuse.ReadCallback.class, callback);
    }

    Pointer memory() {
        return memory;
    }

    long size() {
        return (long) Slot.values().length * Long.BYTES;
    }

    private <T> void put(Slot slot, Class<T> type, T callback) {
        callbacks.add(callback);
        Pointer entry = runtime.getClosureManager().getClosurePointer(type, callback);
        memory.putPointer((long) slot.ordinal() * Long.BYTES, entry);
    }
}
