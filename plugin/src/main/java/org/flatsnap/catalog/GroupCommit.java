package org.flatsnap.catalog;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread that changes the catalog. Changes that wait while a commit is under way share the next one.
 *
 * <p>A change that throws fails for its caller alone; a commit that throws fails for all that shared it.
 */
final class GroupCommit {
    private static final int SHARED_BY = 128;

    private final Logger log = LoggerFactory.getLogger(GroupCommit.class);
    private final BlockingQueue<Change<?>> waiting = new LinkedBlockingQueue<>();
    private final Runnable commit;
    private final Failures failures;
    private final Thread thread;
    private boolean closed;

    GroupCommit(Runnable commit, Failures failures) {
        this.commit = commit;
        this.failures = failures;
        this.thread = new Thread(this::run, "catalog-writer");
        this.thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /**
     * Makes a change and returns what it returns once it is durable. An interrupt does not cut the waiting short, because
     * the caller could not know then whether the change was made; the thread stays interrupted.
     */
    <T> T make(Supplier<T> change) {
        return enqueue(change, false).await();
    }

    /** How many changes wait for the next commit. */
    int waiting() {
        return waiting.size();
    }

    /** Makes the last change and ends. Without effect the second time. */
    void close(Runnable last) {
        synchronized (waiting) {
            if (closed) {
                return;
            }
        }
        enqueue(
                        () -> {
                            last.run();
                            return null;
                        },
                        true)
                .await();
    }

    private <T> Change<T> enqueue(Supplier<T> work, boolean last) {
        Change<T> change = new Change<>(work, last, new CompletableFuture<>());
        synchronized (waiting) {
            if (closed) {
                throw failures.closed();
            }
            closed = last;
            waiting.add(change);
        }
        return change;
    }

    private void run() {
        List<Change<?>> group = new ArrayList<>();
        boolean ended = false;
        while (!ended) {
            try {
                group.add(waiting.take());
                waiting.drainTo(group, SHARED_BY - 1);
            } catch (InterruptedException e) {
                // Nobody has this thread to interrupt it; only the last change ends it.
                log.warn("the catalog's writer was interrupted and goes on", e);
                continue;
            }
            group.forEach(Change::apply);
            try {
                commit.run();
            } catch (RuntimeException | Error e) {
                group.forEach(change -> change.fail(e));
            }
            group.forEach(Change::finish);
            ended = group.stream().anyMatch(Change::last);
            group.clear();
        }
    }

    /** One caller's change, its result or failure told only after the commit. */
    private static final class Change<T> {
        private final Supplier<T> work;
        private final boolean last;
        private final CompletableFuture<T> outcome;
        private T result;
        private Throwable failure;

        Change(Supplier<T> work, boolean last, CompletableFuture<T> outcome) {
            this.work = work;
            this.last = last;
            this.outcome = outcome;
        }

        boolean last() {
            return last;
        }

        void apply() {
            try {
                result = work.get();
            } catch (RuntimeException | Error e) {
                failure = e;
            }
        }

        void fail(Throwable cause) {
            if (failure == null) {
                failure = cause;
            }
        }

        void finish() {
            if (failure == null) {
                outcome.complete(result);
            } else {
                outcome.completeExceptionally(failure);
            }
        }

        T await() {
            boolean interrupted = false;
            try {
                while (true) {
                    try {
                        return outcome.get();
                    } catch (InterruptedException e) {
                        interrupted = true;
                    }
                }
            } catch (ExecutionException e) {
                if (e.getCause() instanceof Error error) {
                    throw error;
                }
                throw (RuntimeException) e.getCause();
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }
}
