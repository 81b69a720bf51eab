package org.flatsnap.linux.zfs;

/** How a stream may be written, {@code enum lzc_send_flags} of libzfs_core.h. */
public enum SendFlag {
    /** Small blocks inside their records; the receiver needs the feature embedded_data. */
    EMBED_DATA(1),
    /** Blocks above 128 KiB as they are. */
    LARGE_BLOCK(1 << 1),
    /** Compressed blocks as they are. */
    COMPRESS(1 << 2),
    /** Encrypted blocks as they are; to be received as raw too. */
    RAW(1 << 3);

    private final int bit;

    SendFlag(int bit) {
        this.bit = bit;
    }

    int bit() {
        return bit;
    }
}
