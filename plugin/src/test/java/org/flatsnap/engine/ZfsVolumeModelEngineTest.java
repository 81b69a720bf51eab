package org.flatsnap.engine;

import org.flatsnap.store.ZfsStorage;
import org.flatsnap.testing.TestStorage;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Disks that are volumes. Needs a kernel with OpenZFS: run by packaging/engines/junit. */
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(ZfsStorage.VAULT)
class ZfsVolumeModelEngineTest extends ModelContract {
    @Override
    TestStorage make() {
        return ZfsStorage.volumes(2 << 20);
    }

    @Override
    int steps() {
        // Each image is read through a clone, which takes a second on an emulated processor.
        return 12;
    }
}
