package org.flatsnap.faults;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flatsnap.faults.RaceBench.Machine;

/** People who look around in the view with find, ls and cp while snapshots come and go. */
final class RaceViewers {
    private static final Pattern MISSING = Pattern.compile(
            "(?:find|ls|cp): (?:(?:cannot [a-z ]+|reading directory) )?'?(?<path>[^']+?)'?(?: for reading)?: No such file or directory");
    /** What cp says when a name was given to another snapshot between its look and its opening. */
    private static final Pattern REPLACED =
            Pattern.compile("cp: skipping file '(?<path>[^']+)', as it was replaced while being copied");

    private final RaceBench bench;
    private final List<Machine> machines;
    private final Map<Machine, RaceHistory> histories;
    private final Map<Machine, Map<String, String>> known;
    private final RaceFigures figures;
    private final RaceWatch watch;
    private final BooleanSupplier going;
    private final Map<String, Gone> gone = new ConcurrentHashMap<>();
    private final List<Missed> missed = new ArrayList<>();

    /** A snapshot that was deleted by one operation, some time between these. */
    private record Gone(String vm, String snapshot, long from, long to) {}

    /** A path that a program did not find. */
    private record Missed(String program, Path path, long from, long to, Optional<Runnable> otherwise) {}

    /** @param going whether to begin anything else */
    RaceViewers(RaceScene scene, BooleanSupplier going) {
        this.bench = scene.bench();
        this.machines = scene.machines();
        this.histories = scene.histories();
        this.known = scene.known();
        this.figures = scene.figures();
        this.watch = scene.watch();
        this.going = going;
    }

    /** Tells that a snapshot was deleted; for an operation that was repeated the first answer counts. */
    void gone(String operation, Machine machine, String snapshot, long from, long to) {
        gone.merge(
                operation,
                new Gone(machine.name(), snapshot, from, to),
                (one, other) -> new Gone(
                        one.vm(), one.snapshot(), Math.min(one.from(), other.from()), Math.min(one.to(), other.to())));
    }

    /** Runs a program over the whole view, again and again. */
    void walk(String... command) {
        while (going.getAsBoolean()) {
            Ended ended = run(command);
            for (String line : ended.errors()) {
                Matcher missing = MISSING.matcher(line);
                if (missing.matches()) {
                    miss(command[0], Path.of(missing.group("path")), ended, Optional.empty());
                } else {
                    figures.violation(command[0] + " said: " + line);
                }
            }
            if (ended.exitCode() != 0 && ended.errors().isEmpty()) {
                figures.violation(command[0] + " ended with " + ended.exitCode());
            }
        }
    }

    /** Copies images out of the view, again and again. */
    void copy(Random random, Path target) {
        while (going.getAsBoolean()) {
            Machine machine = machines.get(random.nextInt(machines.size()));
            List<String> names = List.copyOf(known.get(machine).values());
            if (names.isEmpty()) {
                Thread.yield();
                continue;
            }
            copy(
                    machine,
                    names.get(random.nextInt(names.size())),
                    List.copyOf(machine.disks().keySet())
                            .get(random.nextInt(machine.disks().size())),
                    target);
        }
    }

    private void copy(Machine machine, String name, String disk, Path target) {
        Path image = machine.in(bench.view())
                .resolve(bench.day())
                .resolve(name)
                .resolve("disks")
                .resolve(disk + ".raw");
        Ended ended = run("cp", image.toString(), target.toString());
        if (ended.exitCode() == 0) {
            RaceHistory history = histories.get(machine);
            history.add(
                    ended.from(),
                    ended.to(),
                    RaceDoor.FILES,
                    RaceModel.copied(name, disk, RaceBench.word(target, disk, machine.diskBytes())));
            return;
        }
        for (String line : ended.errors()) {
            Matcher replaced = REPLACED.matcher(line);
            if (replaced.matches()) {
                figures.note("cp", "replaced");
                miss("cp", image, ended, Optional.empty());
            } else if (MISSING.matcher(line).matches()) {
                // Gone for long, or never there: then the model has to agree.
                miss("cp", image, ended, Optional.of(() -> histories
                        .get(machine)
                        .add(
                                ended.from(),
                                ended.to(),
                                RaceDoor.FILES,
                                RaceModel.unknownDisk("copy", name, Set.of(disk)))));
            } else {
                figures.violation("cp said: " + line);
            }
        }
    }

    private void miss(String program, Path path, Ended ended, Optional<Runnable> otherwise) {
        figures.note(program, "ENOENT");
        synchronized (missed) {
            missed.add(new Missed(program, path, ended.from(), ended.to(), otherwise));
        }
    }

    private record Ended(int exitCode, List<String> errors, long from, long to) {}

    private Ended run(String... command) {
        String what = String.join(" ", command);
        try (RaceWatch.Answered answered = watch.await(what)) {
            ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD);
            builder.environment().put("LC_ALL", "C");
            long from = System.nanoTime();
            Process process = builder.start();
            List<String> errors = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList();
            int exitCode = process.waitFor();
            long to = System.nanoTime();
            figures.done(command[0], to - from);
            return new Ended(exitCode, errors, from, to);
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Checks that nothing was missed but what was deleted meanwhile. To be called when all has ended. */
    void explainMissed() {
        List<Gone> deleted = List.copyOf(gone.values());
        for (Missed path : missed) {
            Path relative = bench.view().relativize(path.path());
            boolean explained = deleted.stream()
                    .anyMatch(snapshot -> snapshot.from() <= path.to()
                            && path.from() <= snapshot.to()
                            && relative.startsWith(snapshot.vm())
                            && (relative.getNameCount() < 3
                                    || relative.getName(2).toString().equals(snapshot.snapshot())));
            if (!explained) {
                path.otherwise()
                        .ifPresentOrElse(
                                Runnable::run,
                                () -> figures.violation(
                                        path.program() + " did not find " + relative + ", which nobody deleted"));
            }
        }
    }

    /** Reads everything that is left, through the view. */
    void readAll() throws IOException {
        for (Machine machine : machines) {
            Path day = machine.in(bench.view()).resolve(bench.day());
            if (Files.isDirectory(day)) {
                try (var snapshots = Files.newDirectoryStream(day)) {
                    for (Path snapshot : snapshots) {
                        readAll(machine, snapshot);
                    }
                }
            }
        }
    }

    private void readAll(Machine machine, Path snapshot) throws IOException {
        try (var images = Files.newDirectoryStream(snapshot.resolve("disks"))) {
            for (Path image : images) {
                String disk = image.getFileName().toString().replace(".raw", "");
                long from = System.nanoTime();
                String word = RaceBench.word(image, disk, machine.diskBytes());
                histories
                        .get(machine)
                        .add(
                                from,
                                System.nanoTime(),
                                RaceDoor.FILES,
                                RaceModel.copied(snapshot.getFileName().toString(), disk, word));
            }
        }
    }
}
