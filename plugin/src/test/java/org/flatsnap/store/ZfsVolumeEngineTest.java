package org.flatsnap.store;

import org.flatsnap.testing.TestStorage;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Disks that are volumes. Needs a kernel with OpenZFS: run by packaging/engines/junit. */
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(ZfsStorage.VAULT)
class ZfsVolumeEngineTest extends StoreContract {
    @Override
    TestStorage make() {
        return ZfsStorage.volumes(16 << 20);
    }
}
