package org.flatsnap.catalog;

import com.google.gson.reflect.TypeToken;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.flatsnap.model.Json;
import org.flatsnap.model.Snapshot;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess;
import org.flatsnap.testing.Goals;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.util.Statistics;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/**
 * All that {@code packaging/bench/catalog} measures, and its table: the catalog and SQLite with the same snapshots, asked the
 * same questions, in one run; and in the engines' guest the catalog and the zfs command.
 */
public final class CatalogBench implements Callable<Integer> {
    private static final int SNAPSHOTS_OF_EACH = 1000;
    private static final int LISTED_VMS = 100;
    private static final int WRITERS = 16;
    private static final int ROUNDS = 3;
    private static final List<String> PEERS = List.of("flatsnap", "sqlite");
    // Those of packaging/launcher.sh.
    private static final List<String> DAEMON_OPTIONS = List.of(
            "-XX:TieredStopAtLevel=4",
            "-XX:+UseSerialGC",
            "-Xms64m",
            "-XX:MaxNewSize=48m",
            "-XX:MinHeapFreeRatio=10",
            "-XX:MaxHeapFreeRatio=20",
            "-XX:-ShrinkHeapInSteps");

    @Option(names = "--snapshots", required = true, description = "How many, in thousands of thousand each.")
    private int snapshots;

    @Option(names = "--inserts", defaultValue = "4000", description = "How many are inserted, each round.")
    private int inserts;

    @Option(names = "--seconds", defaultValue = "3", description = "How long each question is measured.")
    private int seconds;

    @Option(names = "--work", required = true, description = "Where the peers' files go, on the disk to be measured.")
    private Path work;

    @Option(names = "--json", description = "Where the figures go.")
    private Path json;

    @Option(
            names = "--resident",
            description = "For itself: opens this peer, asks everything, and says what memory it has.")
    private String resident;

    @Option(
            names = "--list",
            description = "Only lists all snapshots, and those of one VM; the same of this pool, with the zfs command.")
    private String list;

    @Option(names = "--listed", description = "What such a run has left as JSON.")
    private Path listed;

    private final Map<String, Object> figures = new LinkedHashMap<>();
    private final Goals goals = new Goals();

    private CatalogBench() {}

    /** Ends with 1 if a goal is missed. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new CatalogBench()).execute(arguments));
    }

    private DataCentre centre() {
        return new DataCentre(Math.max(1, snapshots / SNAPSHOTS_OF_EACH), SNAPSHOTS_OF_EACH);
    }

    @Override
    public Integer call() throws Exception {
        if (resident != null) {
            System.out.println(asked(resident));
            return 0;
        }
        Files.createDirectories(work);
        if (list != null) {
            Files.writeString(json, Json.PRETTY.toJson(list()) + "\n");
            return 0;
        }
        figures.put("snapshots", centre().size());
        figures.put("java", System.getProperty("java.version"));
        figures.put("processors", Runtime.getRuntime().availableProcessors());
        fill();
        List<Map<String, Object>> rows = new ArrayList<>();
        open(rows);
        memory(rows);
        try (DaemonProcess daemon = daemon()) {
            questions(rows);
            double resident = resident(daemon.pid());
            rows.add(row("daemon after all questions, resident", "MiB", Map.of("api", resident)));
            goals.atMost("resident MB of the daemon", 400, resident * (1 << 20) / 1e6);
        }
        inserts(rows);
        if (listed != null) {
            rows.addAll(Json.PRETTY.fromJson(Files.readString(listed), new TypeToken<List<Map<String, Object>>>() {}));
        }
        figures.put("results", rows);
        figures.put("goals", goals.judged());
        print(rows);
        goals.print();
        Files.writeString(json, Json.PRETTY.toJson(figures) + "\n");
        return goals.missed() ? 1 : 0;
    }

    /** In the engines' guest, with a pool that has as many snapshots of as many VMs in datasets named vm0 and so on. */
    private List<Map<String, Object>> list() {
        List<Map<String, Object>> rows = new ArrayList<>();
        try (Catalog catalog = Catalog.open(work.resolve(CatalogPeer.FILE))) {
            catalog.replaceAll(new DataCentre(LISTED_VMS, snapshots / LISTED_VMS).snapshots());
            rows.add(listing(catalog, "all", SnapshotQuery.ALL));
            rows.add(listing(catalog, "those of one VM", SnapshotQuery.ALL.ofVms(Set.of(DataCentre.vm(7))), "/vm7"));
        }
        return rows;
    }

    private Map<String, Object> listing(Catalog catalog, String what, SnapshotQuery query, String... below) {
        int[] found = new int[1];
        List<Double> catalogs = new ArrayList<>();
        List<Double> zfs = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            long begun = System.nanoTime();
            found[0] = CatalogAssertions.all(catalog, query.limitedTo(1000)).size();
            catalogs.add(secondsSince(begun) * 1000);
            begun = System.nanoTime();
            String lines = Commands.run(
                    "zfs",
                    "list",
                    "-H",
                    "-r",
                    "-t",
                    "snapshot",
                    "-o",
                    "name,creation",
                    "-s",
                    "creation",
                    list + String.join("", below));
            zfs.add(secondsSince(begun) * 1000);
            if (lines.lines().count() != found[0]) {
                throw new IllegalStateException(what + ": zfs lists others than the " + found[0] + " of the catalog");
            }
        }
        return row(
                "guest: %,d listed, %s".formatted(found[0], what),
                "ms",
                Map.of("flatsnap", median(catalogs), "zfs", median(zfs)));
    }

    /** Fills both, unless an earlier run left them in the same place. */
    private void fill() throws IOException {
        Path done = work.resolve("filled-" + centre().size());
        if (Files.exists(done)) {
            return;
        }
        long begun = System.nanoTime();
        try (Catalog catalog = Catalog.open(work.resolve(CatalogPeer.FILE))) {
            Iterator<Snapshot> all = centre().snapshots();
            int[] read = new int[1];
            IntConsumer progress = progress("filling the catalog");
            catalog.replaceAll(Stream.generate(all::next)
                    .limit(centre().size())
                    .peek(snapshot -> {
                        if (++read[0] % 10_000 == 0) {
                            progress.accept(read[0]);
                        }
                    })
                    .iterator());
        }
        figures.put("seconds to fill the catalog", secondsSince(begun));
        begun = System.nanoTime();
        try (SqlitePeer sqlite = new SqlitePeer(work)) {
            sqlite.fill(
                    IntStream.range(0, centre().size()).mapToObj(centre()::next).iterator(),
                    progress("filling SQLite"));
        }
        figures.put("seconds to fill SQLite", secondsSince(begun));
        Files.createFile(done);
    }

    private IntConsumer progress(String what) {
        long begun = System.nanoTime();
        return count -> {
            if (count % 50_000 == 0 || count == 10_000) {
                System.err.printf(
                        Locale.ROOT, "%s: %,d of %,d, %.0f s%n", what, count, centre().size(), secondsSince(begun));
            }
        };
    }

    private static double secondsSince(long begun) {
        return (System.nanoTime() - begun) / 1e9;
    }

    /** From nothing to the first page, in a process that has done it before. */
    private void open(List<Map<String, Object>> rows) {
        Map<String, Double> millis = new LinkedHashMap<>();
        for (String name : PEERS) {
            List<Double> rounds = new ArrayList<>();
            for (int round = 0; round < ROUNDS; round++) {
                Question.Asked asked = Question.VM.ask(centre(), new Random(round));
                long begun = System.nanoTime();
                try (Peer peer = Peer.open(name, work)) {
                    peer.answer(asked);
                    rounds.add((System.nanoTime() - begun) / 1e6);
                }
            }
            millis.put(name, median(rounds));
        }
        rows.add(row("open and first page", "ms", millis));
        goals.atMost("ms to open and get the first page", 2000, millis.get("flatsnap"));
    }

    private static double median(List<Double> rounds) {
        return rounds.stream().sorted().toList().get(rounds.size() / 2);
    }

    /** What a process of its own has resident after some of everything, with the daemon's options. */
    private void memory(List<Map<String, Object>> rows) throws IOException, InterruptedException {
        Map<String, Double> mebibytes = new LinkedHashMap<>();
        for (String name : PEERS) {
            List<String> command = new ArrayList<>();
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(DAEMON_OPTIONS);
            command.addAll(List.of("-cp", System.getProperty("java.class.path"), CatalogBench.class.getName()));
            command.addAll(List.of("--resident", name));
            command.addAll(List.of("--snapshots", Integer.toString(snapshots)));
            command.addAll(List.of("--work", work.toString()));
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            try (BufferedReader lines = process.inputReader()) {
                mebibytes.put(name, Double.parseDouble(lines.lines().reduce("NaN", (before, last) -> last)));
            }
            process.waitFor();
        }
        rows.add(row("resident after some of everything", "MiB", mebibytes));
    }

    private double asked(String name) throws IOException {
        try (Peer peer = Peer.open(name, work)) {
            ask(peer);
            return resident(ProcessHandle.current().pid());
        }
    }

    private void ask(Peer peer) {
        Random random = new Random(2);
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (System.nanoTime() < until) {
            for (Question question : Question.values()) {
                peer.answer(question.ask(centre(), random));
            }
        }
    }

    /** In MiB. */
    private static double resident(long process) throws IOException {
        return Files.readAllLines(Path.of("/proc/" + process + "/status")).stream()
                        .filter(line -> line.startsWith("VmRSS"))
                        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                        .findFirst()
                        .orElseThrow()
                / 1024.0;
    }

    /** One that has all of it in its catalog, as if their store were out of reach, started with the options of the real one. */
    private DaemonProcess daemon() throws IOException {
        Path directory = Files.createDirectories(work.resolve(ApiPeer.SOCKET).getParent());
        DaemonProcess daemon = DaemonProcess.in(directory, directory.resolve("unmounted"));
        Files.createDirectories(daemon.state());
        try (Stream<Path> files = Files.list(work)) {
            for (Path file : files.filter(file -> file.getFileName().toString().startsWith(CatalogPeer.FILE))
                    .toList()) {
                Files.copy(file, daemon.state().resolve(file.getFileName()));
            }
        }
        DAEMON_OPTIONS.forEach(daemon::javaOption);
        daemon.startWithoutLibvirt();
        System.err.println("asking the daemon, until it has done what it does after its start");
        try (Peer peer = Peer.open("api", work)) {
            ask(peer);
        }
        return daemon;
    }

    private void questions(List<Map<String, Object>> rows) throws Exception {
        Options options = new OptionsBuilder()
                .include(CatalogQueries.class.getName() + ".*")
                .forks(1)
                .jvmArgsAppend(
                        "-XX:+UseSerialGC",
                        "-Xmx1g",
                        "-D" + CatalogQueries.DIRECTORY + "=" + work,
                        "-D" + CatalogQueries.VMS + "=" + centre().size() / SNAPSHOTS_OF_EACH,
                        "-D" + CatalogQueries.SNAPSHOTS_OF_EACH + "=" + SNAPSHOTS_OF_EACH)
                .warmupIterations(2)
                .warmupTime(TimeValue.seconds(Math.max(1, seconds / 2)))
                .measurementIterations(1)
                .measurementTime(TimeValue.seconds(seconds))
                .output(work.resolve("jmh.log").toString())
                .build();
        System.err.println("asking questions (JMH's own words go to " + work.resolve("jmh.log") + ")");
        Collection<RunResult> results = new Runner(options).run();
        for (Question question : Question.values()) {
            Map<String, Double> medians = new LinkedHashMap<>();
            Map<String, Double> rare = new LinkedHashMap<>();
            for (RunResult result : results) {
                if (result.getParams().getParam("question").equals(question.name())) {
                    Statistics times = result.getPrimaryResult().getStatistics();
                    medians.put(result.getParams().getParam("peer"), times.getPercentile(50));
                    rare.put(result.getParams().getParam("peer"), times.getPercentile(99));
                }
            }
            String what = question.name().toLowerCase(Locale.ROOT).replace('_', ' ');
            rows.add(row(what + ", median", "us", medians));
            rows.add(row(what + ", p99", "us", rare));
            if (question == Question.GLOB_NONE) {
                goals.atMost("ms for a pattern that takes a look at each name, p99", 100, rare.get("flatsnap") / 1000);
            } else {
                goals.atMost("ms for " + what + ", p99", 1, rare.get("flatsnap") / 1000);
                goals.atMost("ms for " + what + " through the API, p99", 5, rare.get("api") / 1000);
            }
        }
    }

    /** Many threads, each of which waits until its snapshot is durable. Into copies, so that another run finds all as it was. */
    private void inserts(List<Map<String, Object>> rows) throws Exception {
        Map<String, Double> rates = new LinkedHashMap<>();
        for (String name : PEERS) {
            Path copy = Files.createDirectories(work.resolve("inserts-" + name));
            String file = name.equals("flatsnap") ? CatalogPeer.FILE : "sqlite.db";
            Files.copy(work.resolve(file), copy.resolve(file), StandardCopyOption.REPLACE_EXISTING);
            List<Double> rounds = new ArrayList<>();
            try (Peer peer = Peer.open(name, copy)) {
                // The first one is for warming up.
                for (int round = 0; round <= ROUNDS; round++) {
                    double rate = insertedPerSecond(peer, round * inserts);
                    System.err.printf(Locale.ROOT, "%s: %,.0f durable inserts a second%n", name, rate);
                    if (round > 0) {
                        rounds.add(rate);
                    }
                }
            }
            rates.put(name, median(rounds));
            try (Stream<Path> files = Files.list(copy)) {
                for (Path old : files.toList()) {
                    Files.delete(old);
                }
            }
            Files.delete(copy);
        }
        rows.add(row("durable inserts, " + WRITERS + " writers", "1/s", rates));
        goals.atLeast("durable inserts a second", 2000, rates.get("flatsnap"));
    }

    private double insertedPerSecond(Peer peer, int first) throws InterruptedException {
        AtomicInteger next = new AtomicInteger(first);
        long begun = System.nanoTime();
        List<Thread> writers = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            Thread writer = new Thread(() -> {
                for (int number; (number = next.getAndIncrement()) < first + inserts; ) {
                    peer.insert(centre().next(centre().size() + number));
                }
            });
            writer.start();
            writers.add(writer);
        }
        for (Thread writer : writers) {
            writer.join();
        }
        return inserts / secondsSince(begun);
    }

    private static Map<String, Object> row(String what, String unit, Map<String, Double> values) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("what", what);
        row.put("unit", unit);
        row.putAll(values);
        if (values.containsKey("flatsnap")) {
            Stream.of("sqlite", "zfs")
                    .filter(values::containsKey)
                    .forEach(peer -> row.put("ratio", values.get("flatsnap") / values.get(peer)));
        }
        return row;
    }

    private static void print(List<Map<String, Object>> rows) {
        System.out.printf(
                "| %-36s | %4s | %12s | %12s | %12s | %12s | %8s |%n",
                "", "", "flatsnap", "its API", "SQLite", "zfs list", "ratio");
        System.out.println("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
        for (Map<String, Object> row : rows) {
            System.out.printf(
                    "| %-36s | %4s | %12s | %12s | %12s | %12s | %8s |%n",
                    row.get("what"),
                    row.get("unit"),
                    figure(row, "flatsnap", "%,.1f"),
                    figure(row, "api", "%,.1f"),
                    figure(row, "sqlite", "%,.1f"),
                    figure(row, "zfs", "%,.1f"),
                    figure(row, "ratio", "%.2f"));
        }
    }

    private static String figure(Map<String, Object> row, String key, String format) {
        return row.containsKey(key) ? String.format(Locale.ROOT, format, row.get(key)) : "";
    }
}
