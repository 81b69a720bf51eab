package org.flatsnap.engine;

import org.flatsnap.testing.ReflinkStorage;
import org.flatsnap.testing.TestStorage;

class XfsModelTest extends ModelContract {
    @Override
    TestStorage make() {
        return ReflinkStorage.xfs();
    }
}
