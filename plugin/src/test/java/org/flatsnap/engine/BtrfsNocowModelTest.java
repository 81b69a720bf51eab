package org.flatsnap.engine;

import org.flatsnap.testing.ReflinkStorage;
import org.flatsnap.testing.TestStorage;

class BtrfsNocowModelTest extends ModelContract {
    @Override
    TestStorage make() {
        return ReflinkStorage.btrfsNocow();
    }
}
