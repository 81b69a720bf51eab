package org.flatsnap.store;

import org.flatsnap.testing.TestStorage;

/** Disks that are volumes. Needs a kernel with OpenZFS: run by packaging/engines/junit. */
class ZfsVolumeEngineTest extends StoreContract {
    @Override
    TestStorage make() {
        return ZfsStorage.volumes(16 << 20);
    }
}
