package org.flatsnap.faults;

import org.flatsnap.store.ZfsStorage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/**
 * {@link EveryStepTest}'s counterpart for the steps that only OpenZFS and OCFS2 have. {@code packaging/bench/faults} runs it:
 * in the guest it takes more than ten minutes, which is too long for every build.
 */
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(ZfsStorage.VAULT)
@ResourceLock(ZfsStorage.ATTIC)
class EveryStepInGuest {
    @Test
    void everyStepOfOpenZfsAndOcfs2IsSurvived() {
        InstrumentedClasses.run(EngineSteps.InTheGuest.class);
    }
}
