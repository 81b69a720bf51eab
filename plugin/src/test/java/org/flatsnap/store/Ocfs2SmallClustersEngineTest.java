package org.flatsnap.store;

import org.flatsnap.testing.LoopFileSystem;

/** Clusters as large as blocks. Needs a kernel with OCFS2: run by packaging/engines/junit. */
class Ocfs2SmallClustersEngineTest extends StoreContract {
    @Override
    LoopFileSystem make() {
        return LoopFileSystem.ocfs2("4K");
    }
}
