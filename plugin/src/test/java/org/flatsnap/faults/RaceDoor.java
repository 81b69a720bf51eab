package org.flatsnap.faults;

/**
 * Where snapshots are seen. The kernel keeps what the view has shown and is told of a change before the change is answered, of
 * one place after the other; so while it is under way, one door may show it already and another not yet.
 */
enum RaceDoor {
    /** What the API answers, and what guests read from their disks. */
    API,
    /** The listing of a directory of the view. */
    LISTING,
    /** The link to a VM's newest snapshot. */
    LATEST,
    /** The files of a snapshot, by its name. */
    FILES
}
