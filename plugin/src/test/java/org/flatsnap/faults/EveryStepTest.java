package org.flatsnap.faults;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** Whatever step flatsnapd dies at, nothing is lost and nothing is left. */
class EveryStepTest {
    @Test
    void diesAtEveryStepOfEveryDeed() throws IOException {
        try (CrashWorld world = new CrashWorld()) {
            CrashRun run = new CrashRun(world);
            for (Deed deed : Deed.all(world)) {
                run.everyNewStep(deed);
            }
            run.print();
            org.assertj.core.api.Assertions.assertThat(run.violations()).isEmpty();
        }
    }
}
