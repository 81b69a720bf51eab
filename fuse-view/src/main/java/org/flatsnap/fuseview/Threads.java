package org.flatsnap.fuseview;

import java.time.Duration;

/** Waits for threads that were told to end. */
final class Threads {

    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private Threads() {}

    /** Leaves one behind that hangs. */
    static void join(Thread ending) {
        try {
            ending.join(PATIENCE.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
