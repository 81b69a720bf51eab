package org.flatsnap.store;

import java.util.List;

/** Disks in a staging directory that outlives its maker once an intent names them. */
record ReflinkStaged(ReflinkStore store, Staging staging, List<Intent.Swap> swaps) implements Staged {
    @Override
    public void keep() {
        staging.keep();
    }

    @Override
    public void close() {
        store.attempt("cannot clear " + staging.directory(), staging::close);
    }
}
