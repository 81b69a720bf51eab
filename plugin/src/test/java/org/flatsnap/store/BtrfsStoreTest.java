package org.flatsnap.store;

import org.flatsnap.testing.ReflinkStorage;
import org.flatsnap.testing.TestStorage;

class BtrfsStoreTest extends StoreContract {
    @Override
    TestStorage make() {
        return ReflinkStorage.btrfs();
    }
}
