package org.flatsnap.faults;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.SortedMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.flatsnap.faults.RaceBench.Machine;
import org.flatsnap.faults.RaceMachines.Hold;
import org.flatsnap.model.Json;
import org.flatsnap.model.VmState;

/**
 * Many clients that do everything to a few VMs at once, while people look around in the view; then the question whether all
 * that was answered could have come from doing one thing after another to each VM: all changes together with what the API
 * answered, and all changes together with what one kind of place of the view showed ({@link RaceDoor}). So every door is right
 * at any time, nothing that it has shown goes away again, and when a change is answered all doors show it; but while it is under
 * way one may show it and another not yet.
 */
public final class RaceRun {
    /** A rollback may wait for two locks and for processes to let go of disks; the rest is for a slow machine. */
    private static final Duration SLACK = Duration.ofSeconds(50);

    private static final int COPIERS = 2;

    private final Settings settings;
    private final RaceFigures figures = new RaceFigures();
    private final RaceMachines power = new RaceMachines();

    private RaceRun(Settings settings) {
        this.settings = settings;
    }

    /**
     * What to run.
     *
     * @param seed of all choices; the interleaving is the machine's
     * @param duration how long requests are begun
     * @param clients how many ask at once
     * @param vms how many they ask about
     * @param patience how long the engine waits for a VM that another operation works on
     */
    public record Settings(long seed, Duration duration, int clients, int vms, Duration patience) {
        /** Sixty-four clients, twenty VMs. */
        public static Settings of(long seed, Duration duration) {
            return new Settings(seed, duration, 64, 20, Duration.ofSeconds(5));
        }

        /**
         * The same for {@code FLATSNAP_RACE_SECONDS} seconds with {@code FLATSNAP_RACE_SEED}, which is taken from the clock if
         * it is not given.
         *
         * @param seconds how long if that is not given
         */
        public static Settings fromEnvironment(long seconds) {
            Map<String, String> environment = System.getenv();
            long wanted = Long.parseLong(environment.getOrDefault("FLATSNAP_RACE_SECONDS", Long.toString(seconds)));
            long seed = Optional.ofNullable(environment.get("FLATSNAP_RACE_SEED"))
                    .map(Long::valueOf)
                    .orElseGet(System::currentTimeMillis);
            return of(seed, Duration.ofSeconds(wanted));
        }
    }

    /**
     * What came of it.
     *
     * @param seconds from the first request to the last answer
     * @param requests how many answers there were, of the API and of programs in the view
     * @param operations the same by kind
     * @param refusals how many of them were refusals, by code and kind; also what programs did not find in the view, and how
     *     many snapshots are torn
     * @param slowestMillis the slowest answer, by kind, in milliseconds
     * @param boundMillis in which every answer had to come, in milliseconds
     * @param explained how many answers and sights were put in an order that explains them
     * @param overlaps how often two VMs were worked on at once, as seen by the pauses and stops of their guests
     * @param violations what must not be, the first twenty; empty if all is well
     */
    public record Report(
            long seed,
            double seconds,
            int clients,
            int vms,
            long requests,
            SortedMap<String, Long> operations,
            SortedMap<String, Long> refusals,
            SortedMap<String, Long> slowestMillis,
            long boundMillis,
            long explained,
            long overlaps,
            int violationsInAll,
            List<String> violations) {}

    /** Runs it. */
    public static Report run(Settings settings) throws IOException {
        return new RaceRun(settings).run();
    }

    /** Runs for a minute, or as the environment says, and prints the report as JSON. Ends with 1 if there were violations. */
    public static void main(String[] arguments) throws IOException {
        Report report = run(Settings.fromEnvironment(60));
        System.out.println(Json.PRETTY.toJson(report));
        System.exit(report.violationsInAll() == 0 ? 0 : 1);
    }

    private static void say(String text) {
        System.err.println("race: " + text);
    }

    private Report run() throws IOException {
        say(settings.toString());
        try (RaceBench bench = new RaceBench(settings.patience(), power);
                RaceWatch watch = new RaceWatch(bound(), figures)) {
            RaceScene scene = RaceScene.of(bench, power, machines(bench), figures, watch);
            double seconds = race(scene);
            say("%d requests answered in %.1f s; looking for an order".formatted(requests(), seconds));
            // What stands on storage has to be what all had been told.
            bench.restartWithoutCatalog();
            lookAtAll(scene);
            long explained = explain(scene);
            long overlaps = overlaps();
            say("%d violations".formatted(figures.violationsInAll()));
            return new Report(
                    settings.seed(),
                    seconds,
                    settings.clients(),
                    settings.vms(),
                    requests(),
                    figures.operations(),
                    figures.refusals(),
                    figures.slowestMillis(),
                    bound().toMillis(),
                    explained,
                    overlaps,
                    figures.violationsInAll(),
                    figures.violations());
        }
    }

    private long requests() {
        return figures.operations().values().stream().mapToLong(Long::longValue).sum();
    }

    private Duration bound() {
        return settings.patience().multipliedBy(2).plus(SLACK);
    }

    /** VMs that run and VMs that are off, with one disk or two, on one store or both. */
    private List<Machine> machines(RaceBench bench) {
        List<Machine> machines = new ArrayList<>();
        int[][] stores = {{0}, {1}, {0, 1}, {1, 0}, {0, 0}};
        for (int i = 0; i < settings.vms(); i++) {
            VmState state = i % 4 == 3 ? VmState.OFF : VmState.RUNNING;
            int bytes = 1 << (16 + i % 3);
            machines.add(bench.machine("vm%02d".formatted(i), state, bytes, stores[i % stores.length]));
        }
        return machines;
    }

    /** @return the seconds it took */
    private double race(RaceScene scene) throws IOException {
        long begun = System.nanoTime();
        long end = begun + settings.duration().toNanos();
        BooleanSupplier going = () -> System.nanoTime() < end;
        RaceViewers viewers = new RaceViewers(scene, going);
        ExecutorService threads = Executors.newCachedThreadPool();
        ExecutorService twins = Executors.newCachedThreadPool();
        try (RaceClient api = new RaceClient(scene.bench().socket(), 2 * settings.clients())) {
            RaceTraffic traffic = new RaceTraffic(scene, api, viewers, twins);
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < settings.clients(); i++) {
                RaceTraffic.Client client = traffic.new Client(settings.seed() * 1000 + i);
                running.add(threads.submit(() -> {
                    while (going.getAsBoolean()) {
                        client.act();
                    }
                    return null;
                }));
            }
            String view = scene.bench().view().toString();
            running.add(threads.submit(() -> viewers.walk("find", view)));
            running.add(threads.submit(() -> viewers.walk("ls", "-lR", view)));
            for (int i = 0; i < COPIERS; i++) {
                Random random = new Random(settings.seed() * 1000 - 1 - i);
                Path target = scene.bench().scratch().resolve("copy" + i);
                running.add(threads.submit(() -> viewers.copy(random, target)));
            }
            running.forEach(this::join);
            double seconds = (System.nanoTime() - begun) / 1e9;
            lookAtAll(scene);
            viewers.readAll();
            viewers.explainMissed();
            scene.bench().leftovers().ifPresent(figures::violation);
            for (RaceHistory name : traffic.names()) {
                explain("a new VM's name", Map.of(), name);
            }
            return seconds;
        } finally {
            threads.shutdownNow();
            twins.shutdownNow();
        }
    }

    private void join(Future<?> client) {
        try {
            client.get();
        } catch (ExecutionException e) {
            e.getCause().printStackTrace();
            figures.violation("a client ended with " + e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** When nobody does anything any more: what is listed, and what the live disks hold. */
    private void lookAtAll(RaceScene scene) throws IOException {
        ExecutorService twins = Executors.newCachedThreadPool();
        try (RaceClient api = new RaceClient(scene.bench().socket(), 1)) {
            RaceTraffic traffic = new RaceTraffic(scene, api, new RaceViewers(scene, () -> false), twins);
            traffic.new Client(settings.seed()).listAll(Optional.empty());
        } finally {
            twins.shutdownNow();
        }
        for (Machine machine : scene.machines()) {
            long from = System.nanoTime();
            Map<String, String> words = machine.read();
            scene.histories().get(machine).add(from, System.nanoTime(), RaceDoor.API, RaceModel.live(words));
        }
    }

    private long explain(RaceScene scene) {
        long explained = 0;
        for (Machine machine : scene.machines()) {
            Map<String, String> first = new HashMap<>();
            machine.disks().keySet().forEach(disk -> first.put(disk, RaceBench.FIRST_WORD));
            explained += explain(machine.name(), first, scene.histories().get(machine));
        }
        return explained;
    }

    /** @return how many answers and sights there were an order for */
    private long explain(String what, Map<String, String> first, RaceHistory history) {
        Map<RaceDoor, List<RaceEvent<RaceModel>>> events = history.events(figures::violation);
        if (!history.complete()) {
            say("of " + what + " it is not known what was done, see the violations");
            return 0;
        }
        RaceModel start = RaceModel.with(first, history.made());
        List<RaceEvent<RaceModel>> all =
                events.values().stream().flatMap(List::stream).distinct().toList();
        // One order for all doors is one for each, and the more was seen the sooner it is found.
        if (RaceChecker.check(start, all).isPresent()) {
            events.forEach((door, seen) -> RaceChecker.check(start, seen)
                    .ifPresent(why -> figures.violation(what + ", " + door + ": " + why)));
        }
        return all.size();
    }

    /** Pauses and stops happen in the course of work on a VM: those of one VM never overlap, those of different ones do. */
    private long overlaps() {
        List<Hold> holds = power.holds();
        long overlaps = 0;
        for (int i = 0; i < holds.size(); i++) {
            for (int j = 0; j < i; j++) {
                Hold one = holds.get(i);
                Hold other = holds.get(j);
                if (one.from() < other.to() && other.from() < one.to()) {
                    overlaps++;
                    if (one.vm().equals(other.vm())) {
                        figures.violation("VM " + one.vm() + " was worked on by two operations at once");
                    }
                }
            }
        }
        return overlaps;
    }
}
