package org.flatsnap.linux;

import static org.flatsnap.linux.CLibrary.C;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.file.Path;

/**
 * What statfs(2) tells of a mounted file system.
 *
 * @param type which file system it is
 * @param totalBytes its size
 * @param availableBytes what an ordinary user may still write
 * @param readOnly whether it is mounted read-only
 */
public record FileSystemStatus(Type type, long totalBytes, long availableBytes, boolean readOnly) {

    /** File systems that matter here, by the magic numbers of statfs(2). */
    public enum Type {
        /** XFS, {@code XFS_SUPER_MAGIC}. */
        XFS(0x58465342L),
        /** btrfs, {@code BTRFS_SUPER_MAGIC}. */
        BTRFS(0x9123683EL),
        /** OCFS2, {@code OCFS2_SUPER_MAGIC}. */
        OCFS2(0x7461636fL),
        /** OpenZFS, its own {@code ZFS_SUPER_MAGIC}. */
        ZFS(0x2fc12fc1L),
        /** ext2, ext3, ext4, which share one number. */
        EXT(0xEF53L),
        /** NFS, any version. */
        NFS(0x6969L),
        /** tmpfs. */
        TMPFS(0x01021994L),
        /** Anything else. */
        OTHER(0);

        private final long magic;

        Type(long magic) {
            this.magic = magic;
        }

        private static Type of(long magic) {
            for (Type type : values()) {
                if (type.magic == magic) {
                    return type;
                }
            }
            return OTHER;
        }
    }

    // struct statfs of 64-bit Linux (asm-generic/statfs.h): eleven and more fields of eight bytes.
    private static final int SIZE = 256;
    private static final int TYPE = 0;
    private static final int BLOCKS = 16;
    private static final int AVAILABLE = 32;
    private static final int FRAGMENT_SIZE = 72;
    private static final int FLAGS = 80;
    private static final long ST_RDONLY = 1;

    /** Asks the file system that holds {@code path}. */
    public static FileSystemStatus of(Path path) throws IOException {
        try (Memory status = new Memory(SIZE)) {
            C.statfs(path.toString(), status);
            long unit = status.getLong(FRAGMENT_SIZE);
            return new FileSystemStatus(
                    Type.of(status.getLong(TYPE) & 0xFFFFFFFFL),
                    status.getLong(BLOCKS) * unit,
                    status.getLong(AVAILABLE) * unit,
                    (status.getLong(FLAGS) & ST_RDONLY) != 0);
        } catch (LastErrorException e) {
            throw new ErrnoException("statfs", path, e);
        }
    }
}
