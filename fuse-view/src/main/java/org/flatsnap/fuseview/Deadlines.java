package org.flatsnap.fuseview;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees to it that every request is answered in time: with EIO by this, where the thread that works on it hangs. What that
 * thread answers later the kernel refuses. Safe for use by several threads.
 */
final class Deadlines {

    private static final Logger LOG = LoggerFactory.getLogger(Deadlines.class);
    private static final int LOOKS_PER_DEADLINE = 10;

    private final Device device;
    private final Duration deadline;
    private final Gates gates;
    private final Set<Request> open = ConcurrentHashMap.newKeySet();
    private final Set<Request> late = ConcurrentHashMap.newKeySet();
    private volatile Thread watch;

    Deadlines(Device device, Duration deadline, Gates gates) {
        this.device = device;
        this.deadline = deadline;
        this.gates = gates;
    }

    void begin(Request request) {
        open.add(request);
    }

    void end(Request request) {
        open.remove(request);
        if (!late.isEmpty() && late.remove(request)) {
            LOG.warn("{} has come to an end after all", request);
        }
    }

    void start(String name) {
        watch = new Thread(this::look, name);
        watch.setDaemon(true);
        watch.start();
    }

    /** Returns when nothing is done any more. */
    void stop() {
        Thread ending = watch;
        if (ending != null) {
            ending.interrupt();
            Threads.join(ending);
        }
    }

    private void look() {
        try {
            while (true) {
                Thread.sleep(Math.max(1, deadline.toMillis() / LOOKS_PER_DEADLINE));
                long now = System.nanoTime();
                for (Request request : open) {
                    if (now - request.since() > deadline.toNanos() && open.contains(request) && late.add(request)) {
                        answer(request);
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void answer(Request request) {
        try {
            device.fail(request.unique(), Errno.EIO);
            LOG.error("{} has not ended within {} s, answered EIO", request, deadline.toMillis() / 1000.0);
            gates.isLate(request);
            if (!open.contains(request)) {
                // Ended just now.
                late.remove(request);
            }
        } catch (Throwable e) {
            // Whatever it is, the other requests are to be looked after.
            LOG.error("a request that is late could not be answered", e);
        }
    }
}
