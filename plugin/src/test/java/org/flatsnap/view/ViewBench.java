package org.flatsnap.view;

import static org.flatsnap.testing.Bench.rawDisk;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.flatsnap.fuseview.MountOptions;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.model.Json;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.query.Moments;
import org.flatsnap.store.StoredSnapshots;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.Goals;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.RunningGuest;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** All that {@code packaging/bench/view} measures, and its table. */
public final class ViewBench implements Callable<Integer> {
    private static final int PER_VM = 1000;
    private static final int PER_DAY = 50;
    private static final Instant FIRST = Instant.parse("2026-01-01T00:00:00Z");
    private static final long IMAGE = 1L << 30;
    private static final int MEBIBYTE = 1 << 20;
    private static final String VIEW = "flatsnap";
    // Of more, a walk through its mount takes minutes, and there are eighteen.
    private static final long RESTIC_HOLDS = 10_000;

    @Option(names = "--snapshots", required = true, description = "How many.")
    private long snapshots;

    @Option(names = "--rounds", description = "Of which the median counts.")
    private int rounds = 3;

    @Option(names = "--programs", required = true, description = "Where those in C are.")
    private Path programs;

    @Option(names = "--json", required = true, description = "Where the figures go.")
    private Path json;

    /** What was measured, then of what. */
    private final Map<String, Map<String, Double>> seconds = new LinkedHashMap<>();

    private final Map<String, Map<String, Double>> megabytes = new LinkedHashMap<>();
    private final Map<String, Map<String, Double>> heap = new LinkedHashMap<>();
    private final Goals goals = new Goals();

    private ViewBench() {}

    /** Ends with 1 if a goal is missed. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new ViewBench()).execute(arguments));
    }

    @Override
    public Integer call() throws Exception {
        long room = Math.max(4L << 30, snapshots * 20_000);
        Path scratch = Files.createTempDirectory(Path.of("/var/tmp"), "flatsnap-view-bench-");
        try (Bench bench = Bench.on(LoopFileSystem.xfs(room + 2 * IMAGE));
                LoopFileSystem ext4 = LoopFileSystem.ext4(room, snapshots * 6 + 10_000)) {
            Snapshot first = fill(bench);
            Path tmpfs = Files.createDirectory(scratch.resolve("tmpfs"));
            Path bound = Files.createDirectory(scratch.resolve("bindfs"));
            Commands.run("mount", "-t", "tmpfs", "-o", "size=90%,nr_inodes=0", "flatsnap-bench", tmpfs.toString());
            say("the same tree as real directories");
            tree(ext4.root());
            tree(tmpfs);
            Commands.run("bindfs", "-o", "ro", ext4.root().toString(), bound.toString());
            SnapshotTree tree = new SnapshotTree(bench.catalog(), bench.engine(), Moments.in(ZoneOffset.UTC));
            Path restored = Files.createDirectory(scratch.resolve("restic"));
            Map<String, Path> trees = new LinkedHashMap<>();
            trees.put("ext4", ext4.root());
            trees.put("tmpfs", tmpfs);
            trees.put("bindfs", bound);
            try (MountedTree view = tree.mount(scratch.resolve("view"), MountOptions.named("flatsnap-bench"))) {
                if (snapshots <= RESTIC_HOLDS) {
                    restic(scratch, ext4.root(), restored);
                    trees.put("restic mount", restored.resolve("snapshots/latest" + ext4.root()));
                }
                trees.put(VIEW, view.mountPoint());
                walk(trees);
                read(
                        scratch,
                        image(bench, first),
                        view.mountPoint().resolve(path(0)).resolve("disks/vda.raw"));
            } finally {
                if (trees.containsKey("restic mount")) {
                    Commands.run("umount", restored.toString());
                }
                Commands.run("umount", bound.toString());
                Commands.run("umount", tmpfs.toString());
            }
        } finally {
            Commands.run("rm", "-rf", "--one-file-system", scratch.toString());
        }
        judge();
        print();
        return goals.missed() ? 1 : 0;
    }

    /** One real snapshot, and as many more like it as are wanted, each with files on the store. */
    private Snapshot fill(Bench bench) throws IOException {
        say(snapshots + " snapshots");
        Path disk = bench.store().resolve("vm.raw");
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            byte[] noise = new byte[MEBIBYTE];
            new Random(1).nextBytes(noise);
            for (long written = 0; written < IMAGE; written += noise.length) {
                file.write(noise);
            }
        }
        Snapshot real = bench.take(bench.define("bench", rawDisk("vda", disk)), "s0");
        for (long number = 0; number < snapshots; number++) {
            files(StoredSnapshots.write(bench.store(), like(real, number)));
        }
        // The other way round the engine's next look at the store would take from the catalog what is not there yet.
        bench.catalog()
                .replaceAll(LongStream.range(0, snapshots)
                        .mapToObj(number -> like(real, number))
                        .iterator());
        Snapshot first = like(real, 0);
        Files.delete(image(bench, first));
        Commands.run(
                "cp",
                "--reflink=always",
                image(bench, real).toString(),
                image(bench, first).toString());
        return first;
    }

    private static Path storage(Bench bench, Snapshot snapshot) {
        return bench.store().resolve(".flatsnap/vms/" + snapshot.vm() + "/" + snapshot.id());
    }

    private static Path image(Bench bench, Snapshot snapshot) {
        return storage(bench, snapshot).resolve("disks/vda.raw");
    }

    private static Instant takenAt(long number) {
        long ofVm = number % PER_VM;
        return FIRST.plus(Duration.ofDays(ofVm / PER_DAY)).plus(Duration.ofMinutes(ofVm % PER_DAY));
    }

    private static Snapshot like(Snapshot real, long number) {
        Instant takenAt = takenAt(number);
        return new Snapshot(
                SnapshotId.of(takenAt, (int) number),
                new VmId("5f3a09bc-0000-4000-8000-%012x".formatted(number / PER_VM)),
                new VmName("vm" + number / PER_VM),
                new SnapshotName("s" + number),
                takenAt,
                real.labels(),
                Optional.empty(),
                Optional.empty(),
                real.quiescence(),
                real.home(),
                real.disks(),
                Optional.empty(),
                real.operation());
    }

    private static String path(long number) {
        return "vm" + number / PER_VM + "/" + LocalDate.ofInstant(takenAt(number), ZoneOffset.UTC) + "/s" + number;
    }

    /** The same tree out of a backup. */
    private static void restic(Path scratch, Path tree, Path mount) throws IOException {
        say("the same tree in restic");
        Path password = Files.writeString(scratch.resolve("password"), "bench");
        List<String> restic = List.of(
                "restic",
                "--quiet",
                "--no-cache",
                "--repo",
                scratch.resolve("repository").toString(),
                "--password-file",
                password.toString());
        Commands.run(words(restic, "init"));
        Commands.run(words(restic, "backup", tree.toString()));
        new ProcessBuilder(words(restic, "mount", mount.toString()))
                .redirectErrorStream(true)
                .redirectOutput(scratch.resolve("restic.log").toFile())
                .start();
        RunningGuest.await(
                Duration.ofMinutes(1), "restic to mount", () -> Files.isDirectory(mount.resolve("snapshots/latest")));
    }

    private static String[] words(List<String> command, String... rest) {
        return Stream.concat(command.stream(), Stream.of(rest)).toArray(String[]::new);
    }

    private void tree(Path root) throws IOException {
        for (long number = 0; number < snapshots; number++) {
            Path directory = Files.createDirectories(root.resolve(path(number)));
            Files.createFile(directory.resolve("snapshot.json"));
            files(directory);
        }
    }

    /** Without bytes: what they would take is no matter of the view. */
    private static void files(Path directory) throws IOException {
        Files.createDirectory(directory.resolve("disks"));
        for (String name : List.of("domain.xml", "disks/vda.raw")) {
            Files.createFile(directory.resolve(name));
        }
    }

    private void walk(Map<String, Path> trees) throws IOException {
        Map<String, List<String>> commands = new LinkedHashMap<>();
        commands.put("find", List.of("find"));
        commands.put("ls -lR", List.of("ls", "-lR"));
        commands.put("du -s", List.of("du", "-s"));
        heap.put("heap before", Map.of(VIEW, heap()));
        for (Map.Entry<String, List<String>> command : commands.entrySet()) {
            Map<String, List<Double>> cold = new TreeMap<>();
            Map<String, List<Double>> warm = new TreeMap<>();
            List<Double> coldOwn = new ArrayList<>();
            List<Double> warmOwn = new ArrayList<>();
            for (int round = 0; round < rounds; round++) {
                for (Map.Entry<String, Path> tree : trees.entrySet()) {
                    say(command.getKey() + ", " + tree.getKey() + ", round " + (round + 1));
                    Commands.run("sync");
                    Files.writeString(Path.of("/proc/sys/vm/drop_caches"), "3");
                    double started = computed();
                    note(cold, tree.getKey(), time(command.getValue(), tree.getValue()));
                    double between = computed();
                    note(warm, tree.getKey(), time(command.getValue(), tree.getValue()));
                    if (tree.getKey().equals(VIEW)) {
                        coldOwn.add(between - started);
                        warmOwn.add(computed() - between);
                        heap.put("heap after " + command.getKey(), Map.of(VIEW, heap()));
                    }
                }
            }
            seconds.put(command.getKey() + ", cold", medians(cold));
            seconds.put(command.getKey() + ", cold, own CPU", Map.of(VIEW, median(coldOwn)));
            seconds.put(command.getKey() + ", warm", medians(warm));
            seconds.put(command.getKey() + ", warm, own CPU", Map.of(VIEW, median(warmOwn)));
        }
    }

    /** By this process, which serves the view; the rest of a walk's time is the walker's and the kernel's. */
    private static double computed() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime() / 1e9;
    }

    /** What this process, which serves the view, holds of it while the kernel refers to all it has walked. */
    private static double heap() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / 1e6;
    }

    private static double time(List<String> command, Path tree) throws IOException {
        List<String> words = new ArrayList<>(command);
        words.add(tree.toString());
        long start = System.nanoTime();
        // A file, because ls and find look less closely where their output goes nowhere.
        Process process = new ProcessBuilder(words)
                .redirectErrorStream(true)
                .redirectOutput(Path.of("/dev/shm/flatsnap-bench-output").toFile())
                .start();
        try {
            if (process.waitFor() != 0) {
                throw new IOException(words + " failed: see /dev/shm/flatsnap-bench-output");
            }
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        return (System.nanoTime() - start) / 1e9;
    }

    private void read(Path scratch, Path image, Path shown) throws IOException {
        List<Path> mounts = new ArrayList<>();
        Map<String, Path> files = new LinkedHashMap<>();
        files.put("native", image);
        Path bound = Files.createDirectory(scratch.resolve("bound-image"));
        Commands.run("bindfs", "-o", "ro", image.getParent().toString(), bound.toString());
        mounts.add(bound);
        files.put("bindfs", bound.resolve(image.getFileName()));
        for (String program : List.of("serve2", "serve3")) {
            Path mount = Files.createDirectory(scratch.resolve(program));
            Commands.run(programs.resolve(program).toString(), image.toString(), mount.toString(), "-o", "ro");
            mounts.add(mount);
            files.put(program.equals("serve2") ? "C, libfuse2" : "C, libfuse3", mount.resolve("image"));
        }
        files.put(VIEW, shown);
        try {
            long blocks = IMAGE / MEBIBYTE;
            reads("sequential, first", files, "sequential", MEBIBYTE, blocks, "drop");
            reads("sequential, again", files, "sequential", MEBIBYTE, blocks, "");
            reads("sequential, direct", files, "sequential", MEBIBYTE, blocks, "direct");
            reads("random 4 KiB, first", files, "random", 4096, 20_000, "drop");
            reads("random 4 KiB, again", files, "random", 4096, 200_000, "");
        } finally {
            for (Path mount : mounts) {
                Commands.run("umount", mount.toString());
            }
        }
    }

    private void reads(String what, Map<String, Path> files, String order, int block, long count, String mode)
            throws IOException {
        Map<String, List<Double>> figures = new TreeMap<>();
        Path image = files.get("native");
        for (int round = 0; round < rounds; round++) {
            for (Map.Entry<String, Path> file : files.entrySet()) {
                boolean real = file.getValue().equals(image);
                say(what + ", " + file.getKey() + ", round " + (round + 1));
                // The file behind is in memory for all of them; "direct" and "first" of itself would be the disk's
                // speed.
                intoMemory(image);
                if (mode.isEmpty()) {
                    intoMemory(file.getValue());
                }
                String rate = Commands.run(
                        programs.resolve("read").toString(),
                        file.getValue().toString(),
                        order,
                        Integer.toString(block),
                        Long.toString(count),
                        real ? "" : mode);
                note(figures, file.getKey(), Double.parseDouble(rate.strip()));
            }
        }
        megabytes.put(what, medians(figures));
    }

    private static void intoMemory(Path file) {
        Commands.run("dd", "if=" + file, "of=/dev/null", "bs=1M", "status=none");
    }

    private static void note(Map<String, List<Double>> figures, String name, double figure) {
        figures.computeIfAbsent(name, ignored -> new ArrayList<>()).add(figure);
    }

    private static Map<String, Double> medians(Map<String, List<Double>> figures) {
        Map<String, Double> medians = new LinkedHashMap<>();
        figures.forEach((name, all) -> medians.put(name, median(all)));
        return medians;
    }

    private static double median(List<Double> all) {
        return all.stream().sorted().toList().get(all.size() / 2);
    }

    private void judge() {
        goals.atMost("warm find: time of ext4", 1.1, ratio(seconds, "find, warm", "ext4"));
        goals.atMost("cold find: time of bindfs", 0.75, ratio(seconds, "find, cold", "bindfs"));
        goals.atLeast(
                "direct sequential read: rate of C on libfuse3",
                0.95,
                ratio(megabytes, "sequential, direct", "C, libfuse3"));
        goals.atLeast("second read: rate of the file itself", 0.6, ratio(megabytes, "sequential, again", "native"));
    }

    private static double ratio(Map<String, Map<String, Double>> figures, String what, String other) {
        return figures.get(what).get(VIEW) / figures.get(what).get(other);
    }

    private void print() throws IOException {
        table("s", "%.2f", seconds);
        table("MB/s", "%.0f", megabytes);
        table("MB", "%.0f", heap);
        System.out.println("In brackets: the view's figure divided by this one.");
        goals.print();
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("snapshots", snapshots);
        all.put("rounds", rounds);
        all.put("seconds", seconds);
        all.put("megabytes per second", megabytes);
        all.put("megabytes of heap", heap);
        all.put("goals", goals.judged());
        Files.writeString(json, Json.PRETTY.toJson(all) + "\n", StandardCharsets.UTF_8);
    }

    /** With the ratio of the view to each other one. */
    private static void table(String unit, String format, Map<String, Map<String, Double>> figures) {
        figures.forEach((what, row) -> {
            StringBuilder line = new StringBuilder("| %-22s | %-4s".formatted(what, unit));
            row.forEach((name, figure) -> line.append(" | ")
                    .append(name)
                    .append(' ')
                    .append(format.formatted(figure))
                    .append(name.equals(VIEW) ? "" : " (%.2f)".formatted(row.get(VIEW) / figure)));
            System.out.println(line.append(" |"));
        });
    }

    private static void say(String text) {
        System.err.println(text);
    }
}
