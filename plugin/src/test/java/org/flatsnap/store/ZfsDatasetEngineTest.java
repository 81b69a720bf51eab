package org.flatsnap.store;

import org.flatsnap.testing.TestStorage;

/** Disks that are raw files in file systems of their own. Needs a kernel with OpenZFS: run by packaging/engines/junit. */
class ZfsDatasetEngineTest extends StoreContract {
    @Override
    TestStorage make() {
        return ZfsStorage.fileSystems();
    }
}
