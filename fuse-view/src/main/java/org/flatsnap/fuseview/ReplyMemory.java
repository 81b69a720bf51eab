package org.flatsnap.fuseview;

import java.nio.ByteBuffer;
import java.time.Duration;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import jnr.ffi.Struct;
import ru.serce.jnrfuse.struct.Statvfs;

/** Native memory in which one thread of the mount puts its answers together, and the request it has just received. */
final class ReplyMemory implements AutoCloseable {

    private static final int LONGEST_NAME = 255;
    private static final int BLOCK_SIZE = 4096;
    /** What most reads ask for. */
    private static final int USUAL_READ = 128 * 1024;

    private final EntryParameters entry;
    private final FileInformation fileInformation;
    private final Statvfs fileSystem;
    private final Pointer fileSystemMemory;
    private final Pointer number;
    private final Pipe pipe;
    private ByteBuffer data = ByteBuffer.allocateDirect(USUAL_READ);
    private long unique;

    ReplyMemory(Runtime runtime, Duration validity, Pipe pipe) {
        this.pipe = pipe;
        entry = new EntryParameters(runtime, validity);
        fileInformation = new FileInformation(Memory.allocateDirect(runtime, FileInformation.SIZE, true));
        fileSystem = new Statvfs(runtime);
        fileSystemMemory = Memory.allocateDirect(runtime, Struct.size(fileSystem), true);
        fileSystem.useMemory(fileSystemMemory);
        number = Memory.allocateDirect(runtime, (long) Device.HEADER + Long.BYTES);
    }

    /** The kernel's number for the request this thread has received last. */
    long unique() {
        return unique;
    }

    void received(long request) {
        unique = request;
    }

    EntryParameters entry() {
        return entry;
    }

    FileInformation fileInformation() {
        return fileInformation;
    }

    Pipe pipe() {
        return pipe;
    }

    /** An answer that is one number, with room before it for a header. */
    Pointer number(long value) {
        number.putLongLong(Device.HEADER, value);
        return number;
    }

    /** An answer for statfs(2). */
    Pointer fileSystem(Capacity capacity) {
        fileSystem.f_bsize.set(BLOCK_SIZE);
        fileSystem.f_frsize.set(BLOCK_SIZE);
        fileSystem.f_blocks.set(capacity.totalBytes() / BLOCK_SIZE);
        fileSystem.f_bfree.set(capacity.availableBytes() / BLOCK_SIZE);
        fileSystem.f_bavail.set(capacity.availableBytes() / BLOCK_SIZE);
        fileSystem.f_namemax.set(LONGEST_NAME);
        return fileSystemMemory;
    }

    /** An empty direct buffer with room for {@code size} bytes; the next call takes it back. */
    ByteBuffer data(long size) {
        int needed = Math.toIntExact(size);
        if (data.capacity() < needed) {
            data = ByteBuffer.allocateDirect(needed);
        }
        return data.clear().limit(needed);
    }

    @Override
    public void close() {
        pipe.close();
    }
}
