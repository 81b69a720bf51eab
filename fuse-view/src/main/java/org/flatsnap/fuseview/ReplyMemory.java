package org.flatsnap.fuseview;

import java.nio.ByteBuffer;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import jnr.ffi.Struct;
import ru.serce.jnrfuse.struct.Statvfs;

/** Native memory in which one thread of the mount puts its answers together. */
final class ReplyMemory {

    private static final int LONGEST_NAME = 255;
    private static final int BLOCK_SIZE = 4096;
    /** What the kernel asks for at most by default: 32 pages. */
    private static final int USUAL_READ = 128 * 1024;

    private final EntryParameters entry;
    private final Pointer fileSystem;
    private ByteBuffer data = ByteBuffer.allocateDirect(USUAL_READ);

    ReplyMemory(Runtime runtime) {
        entry = new EntryParameters(runtime);
        Statvfs statvfs = new Statvfs(runtime);
        fileSystem = Memory.allocateDirect(runtime, Struct.size(statvfs), true);
        statvfs.useMemory(fileSystem);
        // No blocks at all: df(1) leaves such file systems out, and what they show is stored elsewhere.
        statvfs.f_bsize.set(BLOCK_SIZE);
        statvfs.f_frsize.set(BLOCK_SIZE);
        statvfs.f_namemax.set(LONGEST_NAME);
    }

    EntryParameters entry() {
        return entry;
    }

    /** An answer for statfs(2), the same at all times. */
    Pointer fileSystem() {
        return fileSystem;
    }

    /** An empty direct buffer with room for {@code size} bytes; the next call takes it back. */
    ByteBuffer data(long size) {
        int needed = Math.toIntExact(size);
        if (data.capacity() < needed) {
            data = ByteBuffer.allocateDirect(needed);
        }
        return data.clear().limit(needed);
    }
}
