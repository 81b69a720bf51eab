package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Whatever step flatsnapd dies at or fails at, nothing is lost and nothing is left. */
class EveryStepTest {
    /**
     * In full each, and an error at each; else a death at one in four, chosen by the seed, {@code FLATSNAP_SEED} or one made of
     * the names of all steps: others are chosen when the code changes, the same when it is built again.
     */
    @Test
    void everyStepIsSurvived() throws Exception {
        long seed = Optional.ofNullable(System.getenv("FLATSNAP_SEED"))
                .map(Long::valueOf)
                .orElseGet(() -> (long) CrashRuns.crashPoints().hashCode());
        System.err.println("seed " + seed);
        CrashRun.Tally tally = new CrashRun.Tally();
        CrashRuns.everyStep(tally, seed);
        Set<String> missed = CrashRuns.crashPoints();
        missed.removeAll(tally.killedAt());
        System.err.printf("%d kills, %d errors, not killed at %s%n", tally.kills(), tally.errors(), missed);
        assertThat(tally.violations()).as("seed " + seed).isEmpty();
        assertThat(tally.kills()).isGreaterThan(10);
        if (CrashRuns.fullOfAll()) {
            assertThat(missed).as("steps at which nobody has died").isEmpty();
        }
    }
}
