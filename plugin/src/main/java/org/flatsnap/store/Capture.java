package org.flatsnap.store;

import java.nio.file.Path;
import java.util.List;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Snapshot;

/**
 * One store's part of a snapshot while it is being taken. The steps come in the order of the methods; until
 * {@link #publish} nobody sees anything, and {@link #close} without it leaves nothing. For one thread.
 */
public interface Capture extends AutoCloseable {
    /** Keeps a small text beside the images, {@code domain.xml} for one. */
    void save(String fileName, String content);

    /** Keeps a copy of a small file that may lie on any file system, the NVRAM for one. */
    void saveCopy(String fileName, Path source);

    /** Clones all disks: the moment of the snapshot. Takes milliseconds; see {@link Store#clonesTogether}. */
    void cloneDisks();

    /**
     * Makes durable what was staged; nothing of the guest needs to stand still any more.
     *
     * @return the images, in the order of the disks
     */
    List<DiskImage> sync();

    /**
     * Makes the snapshot visible, complete and durable, in one atomic step.
     *
     * @param snapshot the same on every store that takes part
     */
    void publish(Snapshot snapshot);

    /** Removes what was staged and not published. */
    @Override
    void close();
}
