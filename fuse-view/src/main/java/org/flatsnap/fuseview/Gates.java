package org.flatsnap.fuseview;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps each source of a tree from taking all threads of the mount: it gets so many at once, further requests wait for one
 * of these without a thread of their own, and while one of them is past its deadline all others are refused at once. Safe
 * for use by several threads.
 */
final class Gates {

    private static final Logger LOG = LoggerFactory.getLogger(Gates.class);

    private final int most;
    private final Map<Object, Gate> gates = new ConcurrentHashMap<>();

    /** @param most how many threads one source may have */
    Gates(int most) {
        this.most = most;
    }

    /** A request and what is to be done for it; neither method throws. */
    interface Work {
        Request request();

        void run();

        void refuse();
    }

    /** Does the work now, or has a thread do it that works for the same source. */
    void pass(Optional<Object> source, Work work) {
        if (source.isEmpty()) {
            work.run();
        } else {
            gates.computeIfAbsent(source.get(), Gate::new).pass(work);
        }
    }

    void isLate(Request request) {
        gates.values().forEach(gate -> gate.isLate(request));
    }

    private final class Gate {
        private final Object source;
        private final Set<Request> running = new HashSet<>();
        private final Set<Request> late = new HashSet<>();
        private final Deque<Work> waiting = new ArrayDeque<>();

        Gate(Object source) {
            this.source = source;
        }

        void pass(Work work) {
            if (!admit(work)) {
                return;
            }
            for (Work next = work; next != null; next = following(next)) {
                next.run();
            }
        }

        private boolean admit(Work work) {
            synchronized (this) {
                if (late.isEmpty()) {
                    if (running.size() < most) {
                        return running.add(work.request());
                    }
                    waiting.add(work);
                    return false;
                }
            }
            work.refuse();
            return false;
        }

        private synchronized Work following(Work done) {
            running.remove(done.request());
            if (late.remove(done.request()) && late.isEmpty()) {
                LOG.info("{} answers again", source);
            }
            Work next = waiting.poll();
            if (next != null) {
                running.add(next.request());
            }
            return next;
        }

        void isLate(Request request) {
            List<Work> refused;
            synchronized (this) {
                if (!running.contains(request)) {
                    return;
                }
                if (late.isEmpty()) {
                    LOG.error("{} does not answer; whatever needs it is answered EIO until it does", source);
                }
                late.add(request);
                refused = new ArrayList<>(waiting);
                waiting.clear();
            }
            refused.forEach(Work::refuse);
        }
    }
}
