package org.flatsnap.fuseview;

import java.util.function.Supplier;

/**
 * A request that is being worked on, or waits to be.
 *
 * @param address libfuse's {@code fuse_req_t}, 0 where libfuse does not know it
 * @param unique the kernel's number for it
 * @param operation for the log
 * @param subject names the node for the log
 * @param since {@link System#nanoTime()} when it came
 */
record Request(long address, long unique, String operation, Supplier<String> subject, long since) {

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(unique);
    }

    @Override
    public String toString() {
        return operation + ' ' + subject.get();
    }
}
