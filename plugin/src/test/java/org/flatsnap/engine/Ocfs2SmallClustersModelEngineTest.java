package org.flatsnap.engine;

import org.flatsnap.testing.ReflinkStorage;
import org.flatsnap.testing.TestStorage;

/** Clusters as large as blocks. Needs a kernel with OCFS2: run by packaging/engines/junit. */
class Ocfs2SmallClustersModelEngineTest extends ModelContract {
    @Override
    TestStorage make() {
        return ReflinkStorage.ocfs2("4K");
    }
}
