package org.flatsnap.fuseview;

import java.util.regex.Pattern;

/**
 * How a tree is mounted. Every mount is read-only, checks permissions in the kernel, and ignores set-uid bits and devices.
 *
 * @param name shown by mount(8) as the device, and as the type after {@code fuse.}; letters, digits, dots, hyphens,
 *     underscores
 * @param allowOther whether other users than the one that mounts may enter (fuse(8), {@code allow_other})
 * @param threads how many requests are worked on at once, 1 to 64; a request that hangs occupies one of them
 */
public record MountOptions(String name, boolean allowOther, int threads) {

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,64}");
    private static final int DEFAULT_THREADS = 8;
    private static final int MOST_THREADS = 64;

    /** @throws IllegalArgumentException if the name or the number of threads is not as described above */
    public MountOptions {
        if (!NAME.matcher(name).matches()) {
            // A comma would end the option in which the name is handed to libfuse, and begin another.
            throw new IllegalArgumentException("not a name for a mount: '" + name + "'");
        }
        if (threads < 1 || threads > MOST_THREADS) {
            throw new IllegalArgumentException("threads must be 1 to " + MOST_THREADS + ", not " + threads);
        }
    }

    /** A mount of this name that all users may enter, with 8 threads. */
    public static MountOptions named(String name) {
        return new MountOptions(name, true, DEFAULT_THREADS);
    }

    /** The same with another number of threads. */
    public MountOptions withThreads(int count) {
        return new MountOptions(name, allowOther, count);
    }

    /** The same for the mounting user alone. */
    public MountOptions forOneUser() {
        return new MountOptions(name, false, threads);
    }
}
