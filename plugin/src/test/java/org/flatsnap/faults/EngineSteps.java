package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.flatsnap.model.Disk;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.store.ZfsStorage;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.ReflinkStorage;
import org.flatsnap.testing.TestStorage;

/**
 * Lets engines die inside this JVM before every step of some kind. A deed is asked for again with the same operation until it is
 * done, and each time the engine dies before the first step at which nobody died yet: in the deed, in recovery, or in what
 * clears up. Run by {@link InstrumentedClasses}.
 */
final class EngineSteps {
    // errno.h
    private static final int EIO = 5;
    private static final int EOPNOTSUPP = 95;

    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final boolean FULL = "full".equals(System.getenv("FLATSNAP_FAULTS"));

    /** Whoever looks into one deed need not wait for deaths in all others. */
    private static final Optional<Pattern> CHOSEN =
            Optional.ofNullable(System.getenv("FLATSNAP_DEEDS")).map(Pattern::compile);

    private final List<Site> sites = Sites.scan().all();
    private final Pattern wanted;
    private final Pattern between;
    private final int each;
    private final Set<String> claimed = new HashSet<>();
    private final Set<String> covered = new TreeSet<>();
    private final List<String> violations = new ArrayList<>();
    private int deaths;
    private int compared;

    /**
     * @param wanted the sites that are to be covered
     * @param between where somebody dies too
     * @param each storage is compared after one in so many deaths
     */
    private EngineSteps(String wanted, String between, int each) {
        this.wanted = Pattern.compile(wanted);
        this.between = Pattern.compile(between);
        this.each = each;
        Steps.watch(Incarnation::reached, sites);
    }

    /** What only OpenZFS and OCFS2 have flatsnap do; the rest is on the host. */
    static final class InTheGuest implements Runnable {
        @Override
        public void run() {
            EngineSteps steps = new EngineSteps(
                    "(store/Zfs|linux/zfs/|linux/Reflink\\.cloneByPath).*",
                    "engine/CloneVm\\.clone > Manager.*|store/IntentFiles.*|engine/Operations.*",
                    8);
            steps.all(List.of(
                    () -> steps.run("volumes", ZfsStorage.volumes(2 << 20), EngineSteps::ofVolumes),
                    () -> steps.run("file systems", ZfsStorage.fileSystems(), EngineSteps::ofFileSystems),
                    () -> steps.run("OCFS2", ReflinkStorage.ocfs2("4K"), EngineSteps::ofOcfs2)));
            steps.report();
        }
    }

    /** That an engine that died inside a JVM does nothing any more: storage is compared after each death. */
    static final class OnXfs implements Runnable {
        @Override
        public void run() {
            EngineSteps steps =
                    new EngineSteps("store/(ReflinkVolumes\\.|ReflinkCapture\\.extend ).*", "(store|engine)/.*", 1);
            steps.all(List.of(() -> steps.run("XFS", ReflinkStorage.xfs(), EngineSteps::ofXfs)));
            steps.report();
            assertThat(steps.deaths).isGreaterThan(30);
            assertThat(steps.compared).isGreaterThan(steps.deaths / 2);
        }
    }

    private void all(List<Callable<Void>> tasks) {
        ExecutorService worlds = Executors.newFixedThreadPool(2);
        try {
            for (Future<Void> world : worlds.invokeAll(tasks)) {
                world.get();
            }
        } catch (InterruptedException | ExecutionException e) {
            throw new AssertionError(e);
        } finally {
            worlds.shutdownNow();
        }
    }

    private void report() {
        Set<String> missing = new TreeSet<>();
        sites.stream()
                .filter(Site::crashPoint)
                .map(Site::name)
                .filter(name -> wanted.matcher(name).matches())
                .forEach(missing::add);
        int wantedPoints = missing.size();
        missing.removeAll(covered);
        System.err.printf(
                "%d deaths at %d points; of %d points that are to be covered %d were; storage was compared %d times%n",
                deaths, covered.size(), wantedPoints, wantedPoints - missing.size(), compared);
        missing.forEach(name -> System.err.println("nobody died before " + name));
        violations.forEach(System.err::println);
        write();
        assertThat(violations).isEmpty();
        if (CHOSEN.isEmpty()) {
            assertThat(missing).as("points at which nobody died").isEmpty();
            assertThat(compared).isGreaterThan(3);
        }
    }

    /** Beside the reports of the tests, for whoever adds up. */
    private void write() {
        String node = System.getenv("FLATSNAP_NODE");
        if (node == null) {
            return;
        }
        try {
            Path directory = Files.createDirectories(Path.of("/share/reports/node" + node));
            Files.write(directory.resolve("covered-points.txt"), covered);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<EngineDeed> ofVolumes(EngineWorld world) {
        return List.of(
                new EngineDeed.Take(world, "s1"),
                new EngineDeed.RollBack(world, "s1", "s1"),
                // Of what stands aside.
                new EngineDeed.Read(world, "s1", true),
                new EngineDeed.FailingTake(world, "s2", "store/ZfsCapture.sync > Durability.sync #1", EIO, false),
                new EngineDeed.Hold(world, "s1", true),
                new EngineDeed.Hold(world, "s1", false),
                new EngineDeed.Read(world, "s1", false),
                new EngineDeed.Delete(world, "s1"),
                new EngineDeed.Expire(world),
                new EngineDeed.Adopt(world, "sanoid"),
                new EngineDeed.Delete(world, "sanoid"),
                new EngineDeed.Settle(world, (ZfsStorage) world.storage()),
                new EngineDeed.Rebuild(world),
                new VolumesDeed(world, Optional.empty()),
                // Whoever dies in putting back what could not be removed is not asked to do that again.
                new VolumesDeed(world, Optional.of("store/ZfsRemovals.putAside > ZfsCore.rename #1")),
                new VolumesDeed(world, Optional.of("store/ZfsRemovals.putAside > ZfsCore.rename #1")),
                // The record of a snapshot that gets further disks.
                new VolumesDeed(world, Optional.of("store/ZfsStore.replace > ZfsPrograms.setProperties #1")),
                new EngineDeed.Settle(world, (ZfsStorage) world.storage()));
    }

    private static List<EngineDeed> ofFileSystems(EngineWorld world) {
        return List.of(
                new EngineDeed.Take(world, "s1"),
                new EngineDeed.RollBack(world, "s1", "s1"),
                new EngineDeed.RollBack(world, "since s1"),
                new EngineDeed.Clone(world, "s1"),
                new EngineDeed.Adopt(world, "sanoid"),
                new EngineDeed.Delete(world, "sanoid"),
                new EngineDeed.Expire(world),
                new EngineDeed.Settle(world, (ZfsStorage) world.storage()));
    }

    private static List<EngineDeed> ofXfs(EngineWorld world) {
        return List.of(
                new EngineDeed.Take(world, "s1"),
                new EngineDeed.RollBack(world, "s1", "s1"),
                new EngineDeed.RollBack(world, "since s1"),
                new EngineDeed.Clone(world, "s1"),
                new EngineDeed.Hold(world, "s1", true),
                new EngineDeed.Hold(world, "s1", false),
                new EngineDeed.Rebuild(world),
                new EngineDeed.Expire(world),
                new VolumesDeed(world, Optional.empty()),
                new EngineDeed.Delete(world, "s1"));
    }

    private static List<EngineDeed> ofOcfs2(EngineWorld world) {
        // A kernel without FICLONE for it.
        return List.of(new EngineDeed.FailingTake(
                world, "s1", "linux/Reflink.cloneFile > CLibrary.ioctl #1", EOPNOTSUPP, true));
    }

    private Void run(String title, TestStorage storage, Function<EngineWorld, List<EngineDeed>> deeds)
            throws Exception {
        Doom doom = new Doom(title, storage);
        try (EngineWorld world = new EngineWorld(title, storage, doom)) {
            world.write("sanoid");
            if (storage instanceof ZfsStorage zfs) {
                settings(zfs);
                world.acknowledge("sanoid", "sanoid");
            }
            for (EngineDeed deed : deeds.apply(world)) {
                long begun = System.nanoTime();
                int before = doom.dead();
                try {
                    survive(world, deed, doom);
                    if (storage instanceof ZfsStorage zfs) {
                        assertThat(settings(zfs, "web01-vda")).contains("com.example:owner\tAnna", "compression\tzstd");
                    }
                } catch (AssertionError | Problem | IOException e) {
                    violated(title + ", " + deed.title() + ", died before " + doom.last() + ": " + e);
                    e.printStackTrace();
                    return null;
                }
                System.err.printf(
                        "%s, %s: %d deaths, %d ms%n",
                        title, deed.title(), doom.dead() - before, (System.nanoTime() - begun) / 1_000_000);
            }
        }
        return null;
    }

    private synchronized void violated(String what) {
        violations.add("VIOLATION: " + what);
    }

    /** What an administrator set, and what another tool took. */
    private static void settings(ZfsStorage zfs) {
        for (String disk : List.of("web01-vda", "web01-vdb")) {
            String name = zfs.root().child(disk).name();
            List<String> command = new ArrayList<>(List.of("zfs", "set", "compression=zstd", "com.example:owner=Anna"));
            if (zfs.kind() == Disk.Kind.BLOCK) {
                command.add("refreservation=1M");
            } else {
                command.addAll(List.of("reservation=4M", "mountpoint=/" + name));
            }
            if (disk.equals("web01-vdb") && zfs.kind() == Disk.Kind.BLOCK) {
                command.add("snapdev=hidden");
            }
            command.add(name);
            Commands.run(command.toArray(String[]::new));
            Commands.run("zfs", "snapshot", name + "@sanoid");
        }
    }

    private static String settings(ZfsStorage zfs, String disk) {
        return Commands.run(
                "zfs",
                "get",
                "-H",
                "-s",
                "local",
                "-o",
                "property,value",
                "all",
                zfs.root().child(disk).name());
    }

    private void survive(EngineWorld world, EngineDeed deed, Doom doom) throws Exception {
        doom.begin(deed);
        while (!world.isAlive()) {
            started(world, deed, doom);
        }
        doom.pause();
        deed.prepare();
        doom.begin(deed);
        OperationId operation = OperationId.random();
        Object result = insist(world, deed, operation, doom);
        doom.pause();
        deed.done(result);
        world.assertInOrder(List.of());
        if (!(deed instanceof EngineDeed.Clone)) {
            assertThat(deed.act(world.engine(), operation)).as("a retry").isEqualTo(result);
        }
        if (FULL) {
            world.assertContents();
        }
    }

    private void started(EngineWorld world, EngineDeed deed, Doom doom) throws Exception {
        try {
            world.start();
        } catch (Incarnation.Died e) {
            bury(world, deed, doom);
            return;
        }
        deed.assertBeforeOrAfter();
        world.assertInOrder(deed.maybe());
    }

    private void bury(EngineWorld world, EngineDeed deed, Doom doom) throws Exception {
        world.bury();
        Optional<String> atDeath = doom.takeFingerprint();
        if (atDeath.isPresent()) {
            assertThat(fingerprint(world.storage()))
                    .as("storage after the death")
                    .isEqualTo(atDeath.get());
            compared();
        }
        deed.assertBeforeOrAfter();
    }

    private synchronized void compared() {
        compared++;
    }

    /** All that flatsnap could have changed. */
    private static String fingerprint(TestStorage storage) {
        Path files =
                storage instanceof ZfsStorage ? storage.base() : storage.base().getParent();
        String found =
                Files.isDirectory(files) ? Commands.run("find", files.toString(), "-printf", "%P %y %s %T@\\n") : "";
        return storage instanceof ZfsStorage zfs
                ? found
                        + Commands.run(
                                "zfs",
                                "get",
                                "-H",
                                "-p",
                                "-r",
                                "-o",
                                "name,property,value,source",
                                "guid,origin,canmount,mountpoint,volmode,snapdev,readonly,mounted,refreservation,"
                                        + "reservation,userrefs,org.flatsnap:state,org.flatsnap:owner,org.flatsnap:live,"
                                        + "org.flatsnap:finish,org.flatsnap:reader,org.flatsnap:clone,org.flatsnap:vm,"
                                        + "org.flatsnap:record.0",
                                zfs.root().name())
                : found;
    }

    private Object insist(EngineWorld world, EngineDeed deed, OperationId operation, Doom doom) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            while (!world.isAlive()) {
                started(world, deed, doom);
                deadline = System.nanoTime() + PATIENCE.toNanos();
            }
            try {
                return world.incarnation().run(() -> deed.act(world.engine(), operation));
            } catch (Incarnation.Died e) {
                bury(world, deed, doom);
            } catch (Problem | IOException e) {
                System.err.println(world.title() + ", " + deed.title() + ": " + e.getMessage());
                deed.assertBeforeOrAfter();
                if (System.nanoTime() > deadline) {
                    throw e;
                }
            }
        }
    }

    /** Of the engines of one world. */
    private final class Doom implements Incarnation.Fate {
        private final String world;
        private final TestStorage storage;
        private boolean paused = true;
        private Optional<EngineDeed.Failure> failure = Optional.empty();
        private Optional<String> fingerprint = Optional.empty();
        private String deed = "";
        private String last = "nothing";
        private int dead;

        Doom(String world, TestStorage storage) {
            this.world = world;
            this.storage = storage;
        }

        synchronized void begin(EngineDeed next) {
            deed = next.title();
            failure = next.failure();
            paused = false;
        }

        synchronized void pause() {
            paused = true;
        }

        synchronized Optional<String> takeFingerprint() {
            Optional<String> taken = fingerprint;
            fingerprint = Optional.empty();
            return taken;
        }

        synchronized int dead() {
            return dead;
        }

        synchronized String last() {
            return last;
        }

        @Override
        public synchronized Optional<Integer> failsAt(Site site) {
            if (paused
                    || failure.filter(meant -> meant.site().equals(site.name())).isEmpty()) {
                return Optional.empty();
            }
            int errno = failure.get().errno();
            failure = failure.filter(EngineDeed.Failure::always);
            return Optional.of(errno);
        }

        @Override
        public synchronized boolean diesAt(Site site, int time) {
            return !paused && isChosen() && claim(world, deed, site, time);
        }

        private boolean isChosen() {
            return CHOSEN.isEmpty() || CHOSEN.get().matcher(world + ", " + deed).find();
        }

        @Override
        public synchronized void died(Incarnation incarnation, Site site) {
            dead++;
            last = site.name();
            System.err.println(world + ", " + deed + ": died before " + last);
            // A step that another thread is in comes to its end, as a program does that a dead process started.
            if ((FULL || dead % each == 0) && incarnation.isCalm()) {
                fingerprint = Optional.of(fingerprint(storage));
            }
        }
    }

    private synchronized boolean claim(String world, String deed, Site site, int time) {
        String name = site.name();
        if (!FULL && !wanted.matcher(name).matches() && !between.matcher(name).matches()) {
            return false;
        }
        String key = name;
        if (FULL) {
            key += world + deed + Math.min(time, 3);
        }
        if (!claimed.add(key)) {
            return false;
        }
        deaths++;
        covered.add(name);
        return true;
    }
}
