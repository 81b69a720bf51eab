package org.flatsnap.fuseview;

import java.time.Duration;
import java.util.regex.Pattern;

/**
 * How a tree is mounted. Every mount is read-only, checks permissions in the kernel, and ignores set-uid bits and devices.
 *
 * @param name shown by mount(8) as the device, and as the type after {@code fuse.}; letters, digits, dots, hyphens,
 *     underscores
 * @param allowOther whether other users than the one that mounts may enter (fuse(8), {@code allow_other})
 * @param threads how many requests are worked on at once at most, 1 to 256; a request that hangs occupies one of them.
 *     Threads are started when they are needed. One {@link Node#source() source} gets half of them.
 * @param deadline after this time a request that has no answer yet is answered EIO, at least 10 ms
 */
public record MountOptions(String name, boolean allowOther, int threads, Duration deadline) {

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,64}");
    private static final int DEFAULT_THREADS = 64;
    private static final int MOST_THREADS = 256;
    /** As long as the kernel itself waits for a disk (SCSI). */
    private static final Duration DEFAULT_DEADLINE = Duration.ofSeconds(30);

    private static final Duration LEAST_DEADLINE = Duration.ofMillis(10);

    /** @throws IllegalArgumentException if a value is not as described above */
    public MountOptions {
        if (!NAME.matcher(name).matches()) {
            // A comma would end the option in which the name is handed to libfuse, and begin another.
            throw new IllegalArgumentException("not a name for a mount: '" + name + "'");
        }
        if (threads < 1 || threads > MOST_THREADS) {
            throw new IllegalArgumentException("threads must be 1 to " + MOST_THREADS + ", not " + threads);
        }
        if (deadline.compareTo(LEAST_DEADLINE) < 0) {
            throw new IllegalArgumentException("deadline must be " + LEAST_DEADLINE + " or longer, not " + deadline);
        }
    }

    /** A mount of this name that all users may enter, with up to 64 threads and a deadline of 30 seconds. */
    public static MountOptions named(String name) {
        return new MountOptions(name, true, DEFAULT_THREADS, DEFAULT_DEADLINE);
    }

    /** The same with another number of threads. */
    public MountOptions withThreads(int count) {
        return new MountOptions(name, allowOther, count, deadline);
    }

    /** The same for the mounting user alone. */
    public MountOptions forOneUser() {
        return new MountOptions(name, false, threads, deadline);
    }

    /** The same with another deadline. */
    public MountOptions withDeadline(Duration longest) {
        return new MountOptions(name, allowOther, threads, longest);
    }
}
