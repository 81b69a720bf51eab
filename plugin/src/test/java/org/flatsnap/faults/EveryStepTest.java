package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Whatever step flatsnapd dies at or fails at, nothing is lost and nothing is left. */
class EveryStepTest {
    /** What no daemon on this kernel comes by, and where it is done instead. */
    private static final Pattern ELSEWHERE = Pattern.compile(
            // In the engines' guest: ZFS, and OCFS2's own way to clone.
            "store/Zfs.*|linux/zfs/.*|linux/Reflink\\.cloneByPath .*");

    /**
     * In full each, and an error at each; else a death at one in four, chosen by the seed, {@code FLATSNAP_SEED} or the clock's.
     */
    @Test
    void everyStepIsSurvived() throws Exception {
        long seed = Optional.ofNullable(System.getenv("FLATSNAP_SEED"))
                .map(Long::valueOf)
                .orElseGet(System::currentTimeMillis);
        System.err.println("seed " + seed);
        CrashRun.Tally tally = CrashRuns.everyStep(seed);
        Set<String> missed = CrashWorld.SITES.all().stream()
                .filter(Site::crashPoint)
                .map(Site::name)
                .filter(name -> !ELSEWHERE.matcher(name).matches())
                .collect(Collectors.toCollection(TreeSet::new));
        missed.removeAll(tally.killedAt());
        System.err.printf("%d kills, %d errors, not killed at %s%n", tally.kills(), tally.errors(), missed);
        assertThat(tally.violations()).as("seed " + seed).isEmpty();
        assertThat(tally.kills()).isGreaterThan(10);
        if (CrashRuns.full()) {
            assertThat(missed).as("steps at which nobody has died").isEmpty();
        }
    }
}
