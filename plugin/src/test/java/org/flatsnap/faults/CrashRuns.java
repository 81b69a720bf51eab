package org.flatsnap.faults;

import java.io.IOException;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.flatsnap.faults.CrashRun.Tally;

/** Two worlds at a time, because each waits for processes most of the time: XFS, and btrfs without copy-on-write. */
final class CrashRuns {
    private CrashRuns() {}

    private interface Work {
        void in(CrashWorld world, CrashRun run) throws IOException;
    }

    /** Every step of every deed once, and faults that are real. */
    static Tally everyStep() throws Exception {
        Tally tally = new Tally();
        both(
                tally,
                (world, run) -> {
                    run.realFaults();
                    run.everyStep();
                },
                (world, run) -> run.everyStep());
        return tally;
    }

    /** Deaths by chance, half of them in each. */
    static void randomKills(Tally tally, int count, long seed) throws Exception {
        both(
                tally,
                (world, run) -> run.randomKills(count / 2, new Random(seed)),
                (world, run) -> run.randomKills(count - count / 2, new Random(seed + 1)));
    }

    private static void both(Tally tally, Work onXfs, Work onBtrfs) throws Exception {
        ExecutorService runs = Executors.newFixedThreadPool(2);
        try {
            List<Callable<Void>> both = List.of(
                    () -> run(CrashWorld.onXfs(), tally, onXfs), () -> run(CrashWorld.onBtrfsNocow(), tally, onBtrfs));
            for (Future<Void> run : runs.invokeAll(both)) {
                run.get();
            }
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        } finally {
            runs.shutdownNow();
        }
    }

    private static Void run(CrashWorld world, Tally tally, Work work) throws IOException {
        try (world) {
            work.in(world, new CrashRun(world, tally));
        }
        return null;
    }
}
