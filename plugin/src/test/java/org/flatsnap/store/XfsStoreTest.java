package org.flatsnap.store;

import org.flatsnap.testing.LoopFileSystem;

class XfsStoreTest extends StoreContract {
    @Override
    LoopFileSystem make() {
        return LoopFileSystem.smallXfs();
    }
}
