package org.flatsnap.store;

import org.flatsnap.testing.LoopFileSystem;

class BtrfsStoreTest extends StoreContract {
    @Override
    LoopFileSystem make() {
        return LoopFileSystem.btrfs();
    }

    @Override
    boolean freesPartsOfExtents() {
        return false;
    }
}
