package org.flatsnap.store;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VolumeName;

/**
 * Disks that a store keeps for a manager that leaves their place to it: raw files {@code images/<vmid>/<name>.raw} below the
 * directory of a reflink store, or sparse volumes directly below the dataset of a ZFS store. What lies there under such names is
 * one of them, whoever made it. They are live disks like all others: snapshots, clones and rollbacks of them are the
 * {@link Store}'s.
 *
 * <p>Every change is durable when its method returns, and done or not done after a kill; what it needs of recovery
 * {@link Store#recover} and {@link Store#clearAbandoned} do. Every method throws {@link Problem} with cause and remedy when
 * storage fails. May be used by several threads; two changes of one volume at a time are the caller's to exclude, and nothing is
 * overwritten by them all the same.
 */
public interface Volumes {
    /**
     * One disk.
     *
     * @param path under which its guest opens it
     * @param bytes its size, at least what was asked for: ZFS rounds up to its blocks
     * @param usedBytes the room that its present content takes, shared with snapshots and clones or not
     * @param madeAt when what lies there was made, to the second on ZFS; a rollback makes it anew
     */
    record Volume(VolumeName name, Path path, long bytes, long usedBytes, Instant madeAt) {
        /** Checks that nothing is missing. */
        public Volume {
            requireNonNull(name, "name");
            requireNonNull(path, "path");
            requireNonNull(madeAt, "madeAt");
        }
    }

    /** Where a volume is or would be: its file, or its link below /dev/zvol. */
    Path path(VolumeName name);

    /** All of them, by name. */
    List<Volume> list();

    /** One, if it exists. */
    Optional<Volume> find(VolumeName name);

    /**
     * Makes one that reads as zeros and takes no room.
     *
     * @param bytes its size, positive
     * @throws Problem with code EXISTS if there is one of that name, INVALID if the size is none
     */
    Volume create(VolumeName name, long bytes);

    /**
     * Makes one with what another one holds now. Neither keeps the other from being removed.
     *
     * @param to gets the owner, mode and settings of the other one, and shares its room
     * @throws Problem with code NOT_FOUND if there is nothing to copy, EXISTS if there is one of the new name
     */
    Volume copy(VolumeName from, VolumeName to);

    /**
     * Makes one larger, also while a guest has it open; what is new reads as zeros. That it has this size already is fine.
     *
     * @throws Problem with code NOT_FOUND, or INVALID if it is larger than that
     */
    Volume resize(VolumeName name, long bytes);

    /**
     * Gives one another name. Its snapshots stay what they are, of the disk by its old name.
     *
     * @throws Problem with code NOT_FOUND, or EXISTS if there is one of the new name
     */
    Volume rename(VolumeName from, VolumeName to);

    /**
     * Removes one. Absent is fine. Snapshots keep their images; what those need of it on ZFS stays out of sight, and goes with the
     * last that wants it.
     */
    void remove(VolumeName name);
}
