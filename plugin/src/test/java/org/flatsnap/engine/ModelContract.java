package org.flatsnap.engine;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.flatsnap.testing.TestStorage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * What the engine promises on every storage: after every step of any sequence, every snapshot and every live disk holds what a
 * model of plain copies holds.
 *
 * <p>The environment variable FLATSNAP_SEQUENCES says how many sequences are tried, each with a seed of its own. A failure
 * names its seed; FLATSNAP_SEED tries the sequence of one seed again.
 */
abstract class ModelContract {
    private static final Duration SHORTENING = Duration.ofMinutes(1);

    abstract TestStorage make();

    /** How many steps a sequence has; after each of them everything is read. */
    int steps() {
        return 40;
    }

    @TestFactory
    Stream<DynamicTest> everyStepLeavesWhatPlainCopiesWouldHold() {
        return seeds().mapToObj(seed -> dynamicTest("FLATSNAP_SEED=" + seed, () -> tryAll(seed)));
    }

    private static LongStream seeds() {
        Map<String, String> environment = System.getenv();
        if (environment.containsKey("FLATSNAP_SEED")) {
            return LongStream.of(Long.parseLong(environment.get("FLATSNAP_SEED")));
        }
        return new Random().longs(Long.parseLong(environment.getOrDefault("FLATSNAP_SEQUENCES", "2")));
    }

    /** A sequence up to the step that failed, and what was done in words. */
    private record Failure(List<Step> steps, List<String> story, Throwable cause) {}

    private void tryAll(long seed) {
        attempt(Step.sequence(seed, steps())).ifPresent(failure -> {
            Failure shorter = shorten(failure);
            throw new AssertionError(
                    "FLATSNAP_SEED=" + seed + " fails: " + failure.cause().getMessage() + told(failure)
                            + "\nSo does this: " + shorter.cause().getMessage() + told(shorter),
                    failure.cause());
        });
    }

    private static String told(Failure failure) {
        return "\n  " + String.join("\n  ", failure.story());
    }

    private Optional<Failure> attempt(List<Step> steps) {
        List<Step> done = new ArrayList<>();
        List<String> story = new ArrayList<>();
        try (TestStorage storage = make();
                ModelRun run = new ModelRun(storage, story::add)) {
            for (Step step : steps) {
                done.add(step);
                run.perform(step);
            }
            return Optional.empty();
        } catch (IOException | RuntimeException | AssertionError e) {
            return Optional.of(new Failure(done, story, e));
        }
    }

    /** Leaves out what it can while the rest still fails: halves first, single steps last. */
    private Failure shorten(Failure failure) {
        long deadline = System.nanoTime() + SHORTENING.toNanos();
        Failure shortest = failure;
        for (int length = failure.steps().size() / 2; length > 0; length /= 2) {
            int from = 0;
            while (from + length <= shortest.steps().size() && System.nanoTime() < deadline) {
                List<Step> rest = new ArrayList<>(shortest.steps());
                rest.subList(from, from + length).clear();
                Optional<Failure> again = attempt(rest);
                shortest = again.orElse(shortest);
                from += again.isPresent() ? 0 : length;
            }
        }
        return shortest;
    }
}
