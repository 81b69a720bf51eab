package org.flatsnap.testing;

import java.io.IOException;
import java.nio.file.Path;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Snapshot;
import org.flatsnap.store.StorePlace;

/** Real storage for one store, and the means to do to it what guests, people and failing hardware do. */
public interface TestStorage extends AutoCloseable {
    /** Where the store is to be opened. */
    StorePlace place();

    /** The directory of flatsnap's own files. */
    Path base();

    /** What the definition of a VM says of its disks. */
    Disk.Kind kind();

    /** The path of a disk that may or may not exist. */
    Path path(String name);

    /** Makes a disk of {@link #diskBytes()}, empty. */
    Path newDisk(String name) throws IOException;

    /** The size of a new disk, at least 8 MiB where disks do not grow. */
    long diskBytes();

    /** Takes all room that is left; gives it back when closed. */
    AutoCloseable fill() throws IOException;

    /** Takes the storage away, as if its server had gone. */
    void detach();

    /** Brings it back. */
    void attach();

    /** Words by which the refusal of storage that is away is known. */
    String awayReason();

    /** Makes it read-only, and writable again. */
    void setReadOnly(boolean readOnly);

    /** Brings figures of free room up to date. */
    void sync();

    /** Whether room comes back for every part of what was written as one. */
    default boolean freesPartsOfExtents() {
        return true;
    }

    /** Whether anything of a snapshot stands, published or not. */
    boolean holds(Snapshot snapshot);

    /** Whether nothing of a deleted snapshot stands but what the storage itself still needs, and frees by itself after that. */
    default boolean isFreed(Snapshot snapshot) {
        return !holds(snapshot);
    }

    /** Checks that no unpublished work is left. */
    void assertNothingStaged() throws IOException;

    /** The text of a snapshot's record as it stands on storage. */
    String record(Snapshot snapshot) throws IOException;

    /** Replaces that text by another, without what flatsnap does for safety; null removes it. */
    void damageRecord(Snapshot snapshot, String text) throws IOException;

    /** Leaves an image of a live disk in a published snapshot that its record does not name, as somebody does who dies then. */
    void leaveImage(Snapshot snapshot, DiskName disk, Path live) throws IOException;

    /** What an error message calls that record. */
    String recordName(Snapshot snapshot);

    @Override
    void close();
}
