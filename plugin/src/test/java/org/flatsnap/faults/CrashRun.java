package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.flatsnap.faults.Control.Fault;
import org.flatsnap.testing.DaemonProcess.Answer;

/** Lets the daemon of a {@link CrashWorld} die, and checks what is found afterwards. Used by one thread. */
final class CrashRun {
    private final CrashWorld world;
    private final Control control;
    private final Set<String> covered = new TreeSet<>();
    private final List<AssertionError> violations = new java.util.ArrayList<>();
    private int kills;

    CrashRun(CrashWorld world) {
        this.world = world;
        this.control = world.control();
    }

    /** Dies once at each step of it at which nobody has died yet. */
    void everyNewStep(Deed deed) throws IOException {
        for (int site : steps(deed)) {
            if (!covered.contains(name(site))) {
                survive(deed, site, 1);
            }
        }
    }

    /** The steps that a deed has when nothing happens. */
    Set<Integer> steps(Deed deed) throws IOException {
        deed.prepare();
        control.arm(Fault.NONE, -1, 0, 0);
        JsonObject answer = world.succeed(deed.command());
        Set<Integer> steps = new java.util.LinkedHashSet<>(control.trace());
        control.disarm();
        steps.removeIf(site -> !CrashWorld.SITES.all().get(site).crashPoint());
        deed.assertDone(answer);
        deed.clear();
        return steps;
    }

    private static String name(int site) {
        return CrashWorld.SITES.all().get(site).name();
    }

    /** One death; what is not as it must be after it is kept. */
    void survive(Deed deed, int site, int nth) throws IOException {
        try {
            surviveOrFail(deed, site, nth);
        } catch (AssertionError e) {
            violations.add(e);
            world.revive();
            System.err.println("VIOLATION " + e.getMessage().lines().limit(30).toList());
        }
    }

    /** What was not as it must be. */
    List<AssertionError> violations() {
        return violations;
    }

    private void surviveOrFail(Deed deed, int site, int nth) throws IOException {
        long begun = System.nanoTime();
        deed.prepare();
        String operation = UUID.randomUUID().toString();
        String[] command = with(deed.command(), "--operation", operation);
        control.arm(Fault.KILL, site, nth, 0);
        Optional<JsonObject> first = answered(world.ask(command));
        int fired = control.fired();
        if (fired < 0) {
            control.disarm();
            System.err.printf("%s: %s was not reached%n", deed.title(), name(site));
        } else {
            world.daemon().awaitEnd();
            kills++;
            covered.add(name(fired));
            try {
                deed.assertBeforeOrAfter();
                world.restart();
                deed.assertBeforeOrAfter();
                world.assertInOrder();
            } catch (AssertionError e) {
                throw new AssertionError(deed.title() + ", killed before " + name(fired) + ": " + e.getMessage(), e);
            }
        }
        try {
            JsonObject retried = world.succeed(command);
            first.ifPresent(answer -> assertThat(retried).isEqualTo(answer));
            deed.assertDone(retried);
            assertThat(world.succeed(command)).as("another retry").isEqualTo(retried);
            world.assertInOrder();
            deed.clear();
        } catch (AssertionError e) {
            throw new AssertionError(deed.title() + ", killed before " + name(site) + ": " + e.getMessage(), e);
        }
        System.err.printf(
                "%s: killed before %s, %d ms%n", deed.title(), name(site), (System.nanoTime() - begun) / 1_000_000);
    }

    private static Optional<JsonObject> answered(Answer answer) {
        return answer.exitCode() == 0
                ? Optional.of(
                        com.google.gson.JsonParser.parseString(answer.output()).getAsJsonObject())
                : Optional.empty();
    }

    static String[] with(String[] command, String... more) {
        String[] all = java.util.Arrays.copyOf(command, command.length + more.length);
        System.arraycopy(more, 0, all, command.length, more.length);
        return all;
    }

    void print() {
        List<String> points = CrashWorld.SITES.all().stream()
                .filter(Site::crashPoint)
                .map(Site::name)
                .toList();
        Map<Boolean, Integer> counts = new HashMap<>();
        points.forEach(point -> counts.merge(covered.contains(point), 1, Integer::sum));
        System.err.printf("%d kills, points %s%n", kills, counts);
        points.stream()
                .filter(point -> !covered.contains(point))
                .forEach(point -> System.err.println("  not: " + point));
    }
}
