package org.flatsnap.store;

import java.util.List;

/** Disks staged for a rollback on one store. Closing removes them, unless {@link #keep} handed them to an intent. */
public interface Staged extends AutoCloseable {
    /** One swap a disk. */
    List<Intent.Swap> swaps();

    /** From here on the staged disks belong to the intent that names them. */
    void keep();

    @Override
    void close();
}
