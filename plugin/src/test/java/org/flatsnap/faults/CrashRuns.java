package org.flatsnap.faults;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
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

/** Two worlds at a time, because each waits for processes most of the time: XFS, btrfs without copy-on-write, Proxmox VE. */
final class CrashRuns {
    private static final int SHARE = 4;

    /** What no daemon on this kernel comes by, and where it is done instead. */
    private static final Pattern ELSEWHERE = Pattern.compile(
            // In the engines' guest: ZFS, and OCFS2's own way to clone.
            "store/Zfs.*|linux/zfs/.*|linux/Reflink\\.cloneByPath .*");

    /** Whoever looks into one deed need not wait for all others. */
    private static final Optional<Pattern> CHOSEN =
            Optional.ofNullable(System.getenv("FLATSNAP_DEEDS")).map(Pattern::compile);

    private CrashRuns() {}

    /** The names of all at which a daemon on this kernel can die. */
    static Set<String> crashPoints() {
        return CrashWorld.SITES.all().stream()
                .filter(Site::crashPoint)
                .map(Site::name)
                .filter(name -> !ELSEWHERE.matcher(name).matches())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private interface Work<W extends World> {
        void of(CrashRun run, W world) throws IOException;
    }

    /** Whether everything is to be done, and not what fits into each build: {@code FLATSNAP_FAULTS=full}. */
    static boolean full() {
        return "full".equals(System.getenv("FLATSNAP_FAULTS"));
    }

    /** Whether that is asked for of all deeds. */
    static boolean fullOfAll() {
        return full() && CHOSEN.isEmpty();
    }

    /** Faults that are real, and every step of every deed; of these a share chosen by the seed unless all is to be done. */
    static void everyStep(Tally tally, long seed) throws Exception {
        all(List.of(
                () -> onXfs(tally, seed, (run, world) -> {
                    run.realFaults(world);
                    run.everyStep();
                }),
                () -> onBtrfs(tally, seed + 1, (run, world) -> {
                    run.everyStep();
                    if (fullOfAll()) {
                        run.watchdogs(world);
                    }
                }),
                () -> onProxmox(tally, seed + 2, (run, world) -> run.everyStep())));
    }

    /** Deaths by chance, a quarter with libvirt on each file system, with volumes and with guests of Proxmox VE. */
    static void randomKills(Tally tally, int count, long seed) throws Exception {
        int each = count / 4;
        all(List.of(
                () -> onXfs(tally, seed, (run, world) -> run.randomKills(each)),
                () -> onBtrfs(tally, seed + 1, (run, world) -> run.randomKills(each)),
                () -> onProxmox(tally, seed + 2, (run, world) -> run.randomKills(each))));
    }

    private static void all(List<Callable<Void>> tasks) throws Exception {
        ExecutorService runs = Executors.newFixedThreadPool(2);
        try {
            for (Future<Void> run : runs.invokeAll(tasks)) {
                run.get();
            }
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        } finally {
            runs.shutdownNow();
        }
    }

    private static Void onXfs(Tally tally, long seed, Work<CrashWorld> work) throws IOException {
        try (CrashWorld world = CrashWorld.onXfs()) {
            work.of(run(world, VmDeed.all(world), tally, "", seed), world);
        }
        return null;
    }

    private static Void onBtrfs(Tally tally, long seed, Work<CrashWorld> work) throws IOException {
        try (CrashWorld world = CrashWorld.onBtrfsNocow()) {
            work.of(run(world, VmDeed.all(world), tally, "", seed), world);
        }
        return null;
    }

    private static Void onProxmox(Tally tally, long seed, Work<ProxmoxWorld> work) throws IOException {
        try (ProxmoxWorld world = new ProxmoxWorld()) {
            // The same steps are taken with VMs, with volumes, and while Proxmox VE waits for them: in full all die at
            // each.
            work.of(run(world, ProxmoxDeed.ofVolumes(world), tally, full() ? "volumes: " : "", seed), world);
            work.of(run(world, ProxmoxDeed.ofGuests(world), tally, full() ? "Proxmox VE: " : "", seed), world);
        }
        return null;
    }

    private static CrashRun run(World world, List<? extends Deed> deeds, Tally tally, String scope, long seed) {
        List<? extends Deed> chosen = deeds.stream()
                .filter(deed ->
                        CHOSEN.isEmpty() || CHOSEN.get().matcher(deed.title()).find())
                .toList();
        return new CrashRun(world, chosen, tally, scope, full() ? 1 : SHARE, new Random(seed));
    }
}
