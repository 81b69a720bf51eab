package org.flatsnap.engine;

import org.flatsnap.testing.ReflinkStorage;
import org.flatsnap.testing.TestStorage;

/** Clusters larger than blocks, where range clones write wrong content. Needs a kernel with OCFS2: run by packaging/engines/junit. */
class Ocfs2LargeClustersModelEngineTest extends ModelContract {
    @Override
    TestStorage make() {
        return ReflinkStorage.ocfs2("64K");
    }
}
