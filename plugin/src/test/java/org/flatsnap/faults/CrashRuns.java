package org.flatsnap.faults;

import java.io.IOException;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.flatsnap.faults.CrashRun.Tally;

/** Two worlds at a time, because each waits for processes most of the time: XFS, and btrfs without copy-on-write. */
final class CrashRuns {
    private static final int SHARE = 4;

    /** What no daemon on this kernel comes by, and where it is done instead. */
    private static final Pattern ELSEWHERE = Pattern.compile(
            // In the engines' guest: ZFS, and OCFS2's own way to clone.
            "store/Zfs.*|linux/zfs/.*|linux/Reflink\\.cloneByPath .*"
                    // On a host of Proxmox VE: its tests kill the daemon there.
                    + "|engine/KeptSnapshots\\..*"
                    // In IncarnationTest: volumes, which Proxmox VE alone asks for.
                    + "|store/ReflinkVolumes\\."
                    + "(?!(link|unlink) > (Files\\.(createLink|deleteIfExists)|Durability\\.sync) #1$).*"
                    + "|store/ReflinkCapture\\.extend .*");

    private CrashRuns() {}

    /** The names of all at which a daemon on this kernel can die. */
    static Set<String> crashPoints() {
        return CrashWorld.SITES.all().stream()
                .filter(Site::crashPoint)
                .map(Site::name)
                .filter(name -> !ELSEWHERE.matcher(name).matches())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private interface Work {
        void of(CrashRun run) throws IOException;
    }

    /** Whether everything is to be done, and not what fits into each build: {@code FLATSNAP_FAULTS=full}. */
    static boolean full() {
        return "full".equals(System.getenv("FLATSNAP_FAULTS"));
    }

    /** Faults that are real, and every step of every deed; of these a share chosen by the seed unless all is to be done. */
    static void everyStep(Tally tally, long seed) throws Exception {
        both(
                tally,
                seed,
                run -> {
                    run.realFaults();
                    run.everyStep();
                },
                run -> {
                    run.everyStep();
                    if (full()) {
                        run.watchdogs();
                    }
                });
    }

    /** Deaths by chance, half of them in each. */
    static void randomKills(Tally tally, int count, long seed) throws Exception {
        both(tally, seed, run -> run.randomKills(count / 2), run -> run.randomKills(count - count / 2));
    }

    private static void both(Tally tally, long seed, Work onXfs, Work onBtrfs) throws Exception {
        ExecutorService runs = Executors.newFixedThreadPool(2);
        try {
            List<Callable<Void>> both = List.of(
                    () -> run(CrashWorld.onXfs(), tally, seed, onXfs),
                    () -> run(CrashWorld.onBtrfsNocow(), tally, seed + 1, onBtrfs));
            for (Future<Void> run : runs.invokeAll(both)) {
                run.get();
            }
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        } finally {
            runs.shutdownNow();
        }
    }

    private static Void run(CrashWorld world, Tally tally, long seed, Work work) throws IOException {
        try (world) {
            work.of(new CrashRun(world, tally, full() ? 1 : SHARE, new Random(seed)));
        }
        return null;
    }
}
