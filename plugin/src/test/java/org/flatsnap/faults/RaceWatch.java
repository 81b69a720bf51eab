package org.flatsnap.faults;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** Sees to it that every request is answered in time; when one is not, prints what every thread does, once. */
final class RaceWatch implements AutoCloseable {
    private final Duration bound;
    private final RaceFigures figures;
    private final Map<Object, Waiting> waiting = new ConcurrentHashMap<>();
    private final AtomicBoolean told = new AtomicBoolean();
    private final ScheduledExecutorService clock =
            Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "race-watch"));

    private record Waiting(String what, long since) {}

    RaceWatch(Duration bound, RaceFigures figures) {
        this.bound = bound;
        this.figures = figures;
        clock.scheduleWithFixedDelay(this::look, 1, 1, TimeUnit.SECONDS);
    }

    /** From now on an answer is awaited, until what this gives is closed. */
    Answered await(String what) {
        Object key = new Object();
        waiting.put(key, new Waiting(what, System.nanoTime()));
        return () -> waiting.remove(key);
    }

    /** Closed when the answer is there. */
    interface Answered extends AutoCloseable {
        @Override
        void close();
    }

    private void look() {
        long now = System.nanoTime();
        for (Map.Entry<Object, Waiting> entry : waiting.entrySet()) {
            Waiting request = entry.getValue();
            if (now - request.since() > bound.toNanos() && waiting.remove(entry.getKey()) != null) {
                figures.violation("no answer for " + bound.toSeconds() + " s: " + request.what());
                if (told.compareAndSet(false, true)) {
                    System.err.println(threads());
                }
            }
        }
    }

    private static String threads() {
        StringBuilder dump = new StringBuilder("threads:\n");
        for (var thread : ManagementFactory.getThreadMXBean().dumpAllThreads(true, true)) {
            dump.append('"').append(thread.getThreadName()).append("\" ").append(thread.getThreadState());
            if (thread.getLockName() != null) {
                dump.append(" on ").append(thread.getLockName()).append(" of ").append(thread.getLockOwnerName());
            }
            dump.append('\n');
            for (StackTraceElement frame : thread.getStackTrace()) {
                dump.append("    at ").append(frame).append('\n');
            }
        }
        return dump.toString();
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }
}
