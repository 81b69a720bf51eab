package org.flatsnap.faults;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.flatsnap.faults.CrashRun.Tally;
import org.flatsnap.model.Json;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** All that {@code packaging/bench/faults} measures on the host, and its table. */
public final class FaultsBench implements Callable<Integer> {
    @Option(names = "--kills", required = true, description = "Deaths by chance.")
    private int kills;

    @Option(names = "--race-seconds", required = true, description = "How long the clients race.")
    private int raceSeconds;

    @Option(names = "--seed", description = "Of all choices; the clock's unless given.")
    private long seed = System.currentTimeMillis();

    @Option(names = "--parts", split = ",", description = "Only these of ${COMPLETION-CANDIDATES}.")
    private Set<Part> parts = EnumSet.allOf(Part.class);

    @Option(names = "--json", required = true, description = "Where the figures go.")
    private Path json;

    private enum Part {
        STEPS,
        KILLS,
        POWER,
        RACES
    }

    private final Map<String, Object> figures = new LinkedHashMap<>();
    private final List<String> violations = new ArrayList<>();

    private FaultsBench() {}

    /** Ends with 1 if anything was violated. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new FaultsBench())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .execute(arguments));
    }

    @Override
    public Integer call() throws Exception {
        figures.put("seed", seed);
        System.err.println("seed " + seed);
        if (parts.contains(Part.STEPS) || parts.contains(Part.KILLS)) {
            die();
        }
        if (parts.contains(Part.POWER)) {
            losePower();
        }
        if (parts.contains(Part.RACES)) {
            race();
        }
        figures.put("violations", violations.size());
        print();
        return violations.isEmpty() ? 0 : 1;
    }

    private void die() throws Exception {
        Tally tally = new Tally();
        if (parts.contains(Part.STEPS)) {
            CrashRuns.everyStep(tally, seed);
            System.err.printf("every step is done: %d kills, %d errors%n", tally.kills(), tally.errors());
        }
        if (parts.contains(Part.KILLS)) {
            System.err.printf("%d deaths by chance with seed %d%n", kills, seed);
            CrashRuns.randomKills(tally, kills, seed);
        }
        tally.violations().forEach(violation -> violations.add(violation.getMessage()));
        points(tally);
    }

    private void losePower() throws Exception {
        for (PowerLoss.Inside inside : PowerLoss.Inside.values()) {
            PowerLoss.Figures power = PowerLoss.suffer(inside, PowerLoss.extent());
            figures.put("power losses recovered from, " + inside.name(), power.mounted());
            violations.addAll(power.violations());
        }
    }

    private void race() throws Exception {
        RaceRun.Report races = RaceRun.run(RaceRun.Settings.of(seed, Duration.ofSeconds(raceSeconds)));
        figures.put("clients", races.clients());
        figures.put("VMs", races.vms());
        figures.put("operations", races.requests());
        figures.put(
                "slowest answer, ms",
                races.slowestMillis().values().stream()
                        .mapToLong(Long::longValue)
                        .max()
                        .orElse(0));
        violations.addAll(races.violations());
    }

    private void points(Tally tally) throws IOException {
        Set<String> existing = new TreeSet<>();
        CrashWorld.SITES.all().stream().filter(Site::crashPoint).forEach(site -> existing.add(site.name()));
        Set<String> covered = new TreeSet<>(tally.killedAt());
        covered.addAll(inGuest());
        covered.retainAll(existing);
        Set<String> here = CrashRuns.crashPoints();
        figures.put("crash points of this host's kernel", here.size());
        here.retainAll(covered);
        figures.put("of these covered", here.size());
        figures.put("crash points existing", existing.size());
        figures.put("crash points covered", covered.size());
        existing.removeAll(covered);
        existing.forEach(point -> System.err.println("nobody has died before " + point));
        figures.put("kills", tally.kills());
        figures.put("errors injected", tally.errors());
        figures.put("deeds under kills and errors that ended well", tally.accidentsSurvived());
    }

    /** What the tests in the engines' guest have left. */
    private static Set<String> inGuest() throws IOException {
        Path reports = Path.of("target/engine-reports");
        Set<String> points = new TreeSet<>();
        if (Files.isDirectory(reports)) {
            try (var files = Files.walk(reports)) {
                for (Path file : files.filter(path -> path.endsWith("covered-points.txt"))
                        .toList()) {
                    points.addAll(Files.readAllLines(file));
                }
            }
        }
        return points;
    }

    private void print() throws IOException {
        figures.forEach((name, figure) -> System.out.printf("| %-40s | %10s |%n", name, figure));
        violations.forEach(violation -> System.err.println("VIOLATION: " + violation));
        figures.put("violated", violations);
        Files.writeString(json, Json.PRETTY.toJson(figures) + "\n");
    }
}
