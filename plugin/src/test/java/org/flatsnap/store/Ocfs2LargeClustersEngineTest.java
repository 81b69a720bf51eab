package org.flatsnap.store;

import org.flatsnap.testing.LoopFileSystem;

/** Clusters larger than blocks, where range clones write wrong content. Needs a kernel with OCFS2: run by packaging/engines/junit. */
class Ocfs2LargeClustersEngineTest extends StoreContract {
    @Override
    LoopFileSystem make() {
        return LoopFileSystem.ocfs2("64K");
    }
}
