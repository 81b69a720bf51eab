package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.catalog.CatalogAssertions.all;
import static org.flatsnap.catalog.CatalogAssertions.assertHoldsExactly;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.flatsnap.model.Snapshot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConcurrencyTest {
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @TempDir
    private Path directory;

    @AfterEach
    void stop() {
        threads.shutdownNow();
    }

    @Test
    void writersAndReadersDoNotDisturbEachOther() throws Exception {
        List<Snapshot> staying = new Fleet(1, 10).snapshots(400);
        List<Snapshot> going =
                IntStream.range(400, 600).mapToObj(new Fleet(2, 10)::snapshot).toList();
        List<Snapshot> coming =
                IntStream.range(600, 1000).mapToObj(new Fleet(3, 10)::snapshot).toList();
        try (Catalog catalog = Catalog.open(directory.resolve("catalog.db"))) {
            catalog.replaceAll(List.copyOf(joined(staying, going)).iterator());
            AtomicBoolean writing = new AtomicBoolean(true);
            List<Future<Integer>> readers = new ArrayList<>();
            for (Order order : Order.values()) {
                readers.add(threads.submit(until(writing, () -> {
                    assertThat(all(catalog, SnapshotQuery.ALL.ordered(order)))
                            .doesNotHaveDuplicates()
                            .containsAll(staying);
                    catalog.vms().forEach(entry -> assertThat(entry.snapshots()).isPositive());
                })));
            }
            readers.add(threads.submit(until(
                    writing,
                    () -> coming.forEach(snapshot -> catalog.find(snapshot.id()).ifPresent(found -> {
                        assertThat(found).isEqualTo(snapshot);
                        assertThat(catalog.find(found.vm(), found.name())).contains(found);
                        assertThat(all(catalog, SnapshotQuery.ALL.ofVms(Set.of(found.vm()))))
                                .contains(found);
                    })))));

            List<Future<?>> writers = new ArrayList<>();
            AtomicInteger next = new AtomicInteger();
            for (int i = 0; i < 8; i++) {
                writers.add(threads.submit(() -> {
                    for (int n = next.getAndIncrement(); n < coming.size(); n = next.getAndIncrement()) {
                        catalog.put(coming.get(n));
                        catalog.remove(going.get(n / 2).id());
                    }
                }));
            }
            for (Future<?> writer : writers) {
                writer.get();
            }
            writing.set(false);
            for (Future<Integer> reader : readers) {
                assertThat(reader.get()).isPositive();
            }
            assertHoldsExactly(catalog, joined(staying, coming));
        }
    }

    @Test
    void oneCommitServesAllThatWait() throws Exception {
        AtomicInteger commits = new AtomicInteger();
        GroupCommit writer = new GroupCommit(commits::incrementAndGet, new Failures(directory.resolve("catalog.db")));
        writer.start();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch allWait = new CountDownLatch(1);
        Future<Integer> first = threads.submit(() -> writer.make(() -> {
            begun.countDown();
            await(allWait);
            return 0;
        }));
        begun.await();
        List<Future<Integer>> others = new ArrayList<>();
        for (int i = 1; i <= 20; i++) {
            int number = i;
            others.add(threads.submit(() -> writer.make(() -> number)));
        }
        while (writer.waiting() < 20) {
            Thread.onSpinWait();
        }
        allWait.countDown();

        assertThat(first.get()).isZero();
        for (int i = 1; i <= 20; i++) {
            assertThat(others.get(i - 1).get()).isEqualTo(i);
        }
        assertThat(commits).hasValue(2);
        writer.close(() -> {});
    }

    @Test
    void aFailureReachesItsCallerAndNobodyElse() throws Exception {
        GroupCommit writer = new GroupCommit(() -> {}, new Failures(directory.resolve("catalog.db")));
        writer.start();
        List<Future<Integer>> callers = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            int number = i;
            callers.add(threads.submit(() -> writer.make(() -> {
                if (number % 5 == 0) {
                    throw new IllegalStateException("number " + number);
                }
                return number;
            })));
        }
        for (int i = 0; i < 50; i++) {
            Future<Integer> caller = callers.get(i);
            if (i % 5 == 0) {
                assertThatThrownBy(caller::get).hasRootCauseMessage("number " + i);
            } else {
                assertThat(caller.get()).isEqualTo(i);
            }
        }
        writer.close(() -> {});
    }

    @Test
    void aCommitThatFailsIsToldToAllItServesAndTheNextOneGoesOn() {
        AtomicBoolean full = new AtomicBoolean(true);
        GroupCommit writer = new GroupCommit(
                () -> {
                    if (full.get()) {
                        throw new IllegalStateException("No space left on device");
                    }
                },
                new Failures(directory.resolve("catalog.db")));
        writer.start();

        assertThatThrownBy(() -> writer.make(() -> 1)).hasMessage("No space left on device");
        full.set(false);
        assertThat(writer.make(() -> 2)).isEqualTo(2);
        writer.close(() -> {});
    }

    private static List<Snapshot> joined(List<Snapshot> some, List<Snapshot> others) {
        List<Snapshot> joined = new ArrayList<>(some);
        joined.addAll(others);
        return joined;
    }

    /** Repeats the work at least once and returns how often it was done. */
    private static Callable<Integer> until(AtomicBoolean going, Runnable work) {
        return () -> {
            int done = 0;
            do {
                work.run();
                done++;
            } while (going.get());
            return done;
        };
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
