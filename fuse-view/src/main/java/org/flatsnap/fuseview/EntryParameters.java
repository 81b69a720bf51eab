package org.flatsnap.fuseview;

import java.time.Duration;
import java.time.Instant;
import jnr.ffi.Memory;
import jnr.ffi.Runtime;
import jnr.ffi.Struct;
import ru.serce.jnrfuse.struct.FileStat;
import ru.serce.jnrfuse.struct.Timespec;

/**
 * The answer to a look-up, {@code struct fuse_entry_param} of {@code fuse_lowlevel.h}; the {@code struct stat} in it also
 * answers a request for attributes alone. Written and sent by one thread.
 */
final class EntryParameters extends Struct {

    private static final int BLOCK_SIZE = 4096;
    private static final double MILLIS = 1000;

    private final Unsigned64 node = new Unsigned64();
    private final Unsigned64 generation = new Unsigned64();
    private final FileStat stat = inner(new FileStat(getRuntime()));
    private final Struct.Double attributeTimeout = new Struct.Double();
    private final Struct.Double entryTimeout = new Struct.Double();
    private final double validity;
    private double timeout;
    private final jnr.ffi.Pointer memory;
    private final jnr.ffi.Pointer statMemory;

    /** @param validity how long the kernel may keep names and attributes */
    EntryParameters(Runtime runtime, Duration validity) {
        super(runtime);
        memory = Memory.allocateDirect(runtime, size(this), true);
        useMemory(memory);
        statMemory = memory.slice(2L * Long.BYTES, size(stat));
        this.validity = validity.toMillis() / MILLIS;
        // Node ids are never used twice, so one generation is enough.
        generation.set(0);
    }

    void write(long nodeId, Node described, Attributes attributes) {
        write(described, attributes);
        node.set(nodeId);
        attributeTimeout.set(timeout);
        entryTimeout.set(timeout);
    }

    void write(Node described, Attributes attributes) {
        Node.Kind kind = described.kind();
        boolean kept = described.isKept();
        timeout = kept ? validity : 0;
        stat.st_ino.set(attributes.inode());
        stat.st_mode.set(format(kind) | attributes.permissions());
        stat.st_nlink.set(1);
        stat.st_uid.set(Integer.toUnsignedLong(attributes.uid()));
        stat.st_gid.set(Integer.toUnsignedLong(attributes.gid()));
        stat.st_size.set(attributes.size());
        stat.st_blocks.set(attributes.blocks512());
        stat.st_blksize.set(BLOCK_SIZE);
        write(stat.st_atim, attributes.modified());
        // The kernel drops a listing it has kept when this is another.
        boolean listedAnew = !kept && validity > 0 && kind == Node.Kind.DIRECTORY;
        write(stat.st_mtim, listedAnew ? Instant.now() : attributes.modified());
        write(stat.st_ctim, attributes.changed());
    }

    /** Seconds for which the kernel may keep what was written last. */
    double timeout() {
        return timeout;
    }

    jnr.ffi.Pointer memory() {
        return memory;
    }

    jnr.ffi.Pointer statMemory() {
        return statMemory;
    }

    private static int format(Node.Kind kind) {
        return switch (kind) {
            case DIRECTORY -> FileStat.S_IFDIR;
            case REGULAR_FILE -> FileStat.S_IFREG;
            case SYMBOLIC_LINK -> FileStat.S_IFLNK;
        };
    }

    private static void write(Timespec target, Instant time) {
        target.tv_sec.set(time.getEpochSecond());
        target.tv_nsec.set(time.getNano());
    }
}
