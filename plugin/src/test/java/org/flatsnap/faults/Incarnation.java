package org.flatsnap.faults;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.flatsnap.testing.RunningGuest;

/**
 * A process's life inside a JVM: threads that end together. From its death on, each step of any of them throws {@link Died}, so
 * that nothing of what {@code finally} blocks and cleaners would do has an effect, as with SIGKILL.
 */
final class Incarnation extends ThreadGroup {
    private static final Duration LIMIT = Duration.ofMinutes(5);

    /** What is to happen at a site; asked before each step that a living one takes. */
    interface Fate {
        boolean diesAt(Site site, int time);

        /** The errno with which the call fails. */
        Optional<Integer> failsAt(Site site);

        /** It is dead, and its threads stand where they stood. */
        void died(Incarnation dead, Site site);
    }

    /** Thrown by what a dead one tries to do. */
    static final class Died extends Error {
        private static final long serialVersionUID = 1;

        Died(Site site) {
            super("died before " + site.name(), null, false, false);
        }
    }

    private final Fate fate;
    private final Map<Site, Integer> passed = new HashMap<>();
    private Optional<Site> death = Optional.empty();

    Incarnation(String name, Fate fate) {
        super(name);
        this.fate = fate;
    }

    /** For {@link Steps#watch}. */
    static void reached(Site site) {
        for (ThreadGroup group = Thread.currentThread().getThreadGroup(); group != null; group = group.getParent()) {
            if (group instanceof Incarnation incarnation) {
                incarnation.pass(site);
                return;
            }
        }
    }

    private synchronized void pass(Site site) {
        if (death.isEmpty()) {
            int time = passed.merge(site, 1, Integer::sum);
            Optional<Integer> errno = fate.failsAt(site);
            if (errno.isPresent()) {
                Steps.<RuntimeException>raise(Steps.failure(site, errno.get()));
            }
            if (!site.crashPoint() || !fate.diesAt(site, time)) {
                return;
            }
            death = Optional.of(site);
            fate.died(this, site);
        }
        throw new Died(death.get());
    }

    /** Where it died. */
    synchronized Optional<Site> death() {
        return death;
    }

    /** Whether no thread but the one asking and the catalog's is in the middle of something. */
    boolean isCalm() {
        return threads().stream()
                .filter(thread -> !thread.equals(Thread.currentThread()))
                .filter(thread -> !thread.getName().equals("catalog-writer"))
                .flatMap(thread -> Stream.of(thread.getStackTrace()))
                .noneMatch(frame -> frame.getClassName().startsWith("org.flatsnap."));
    }

    private List<Thread> threads() {
        Thread[] all = new Thread[activeCount() + 16];
        int count = enumerate(all);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            threads.add(all[i]);
        }
        return threads;
    }

    /** Lets it do something. What that throws is thrown here, {@link Died} too. */
    <T> T run(Callable<T> work) throws Exception {
        FutureTask<T> task = new FutureTask<>(work);
        new Thread(this, task, getName()).start();
        try {
            return task.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw (Exception) e.getCause();
        } catch (TimeoutException e) {
            StringBuilder where = new StringBuilder(getName() + " does not end");
            for (Thread thread : threads()) {
                where.append('\n').append(thread);
                for (StackTraceElement frame : thread.getStackTrace()) {
                    where.append("\n    ").append(frame);
                }
            }
            throw new AssertionError(where.toString(), e);
        }
    }

    /** Waits until none of its threads is left. */
    void awaitEnd() {
        RunningGuest.await(LIMIT, "the threads of " + getName() + " to end: " + threads(), () -> threads()
                .isEmpty());
    }
}
