package org.flatsnap.faults;

import org.junit.jupiter.api.Test;

/** That an engine that dies inside a JVM ends like a process that is killed: what {@link EveryStepInGuest} builds on. */
class IncarnationTest {
    @Test
    void nothingOfADeadEngineReachesStorage() {
        InstrumentedClasses.run(EngineSteps.OnXfs.class);
    }
}
