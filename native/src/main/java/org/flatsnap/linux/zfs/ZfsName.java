package org.flatsnap.linux.zfs;

/** The full name of a dataset or of a snapshot, as {@link #toString()}. */
public sealed interface ZfsName permits DatasetName, SnapshotName {
    /** The pool: the name up to the first slash or at sign. */
    String pool();

    /**
     * Reads a name as {@code zfs list} prints it.
     *
     * @throws IllegalArgumentException if it is no valid name, with the reason
     */
    static ZfsName parse(String name) {
        return name.indexOf('@') < 0 ? new DatasetName(name) : SnapshotName.parse(name);
    }
}
