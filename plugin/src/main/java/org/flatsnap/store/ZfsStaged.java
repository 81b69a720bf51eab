package org.flatsnap.store;

import java.util.List;
import org.flatsnap.linux.zfs.DatasetName;

/** Clones that outlive their maker once an intent names them. */
record ZfsStaged(ZfsStore store, Staging staging, List<Intent.Swap> swaps, boolean[] kept) implements Staged {
    ZfsStaged(ZfsStore store, Staging staging, List<Intent.Swap> swaps) {
        this(store, staging, swaps, new boolean[1]);
    }

    @Override
    public void keep() {
        kept[0] = true;
        staging.keep();
    }

    @Override
    public void close() {
        store.attempt("cannot clear " + staging.directory(), () -> {
            try (staging) {
                if (!kept[0]) {
                    for (Intent.Swap swap : swaps) {
                        store.destroy(new DatasetName(swap.staged()));
                    }
                }
            }
        });
    }
}
