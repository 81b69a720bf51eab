package org.flatsnap.linux.zfs;

import static org.flatsnap.linux.zfs.ZfsErrno.E2BIG;
import static org.flatsnap.linux.zfs.ZfsErrno.EACCES;
import static org.flatsnap.linux.zfs.ZfsErrno.EBUSY;
import static org.flatsnap.linux.zfs.ZfsErrno.EDQUOT;
import static org.flatsnap.linux.zfs.ZfsErrno.EEXIST;
import static org.flatsnap.linux.zfs.ZfsErrno.EINVAL;
import static org.flatsnap.linux.zfs.ZfsErrno.ENODEV;
import static org.flatsnap.linux.zfs.ZfsErrno.ENOENT;
import static org.flatsnap.linux.zfs.ZfsErrno.ENOSPC;
import static org.flatsnap.linux.zfs.ZfsErrno.ENXIO;
import static org.flatsnap.linux.zfs.ZfsErrno.EXDEV;

import java.util.Map;

/** The calls of libzfs_core, and what an errno of them means where it is not what it means elsewhere (dsl_*.c of 2.1). */
enum ZfsCall {
    INIT(
            "libzfs_core_init",
            Map.of(
                    ENOENT, new Diagnosis("there is no /dev/zfs: the kernel's ZFS is not loaded", "modprobe zfs"),
                    ENXIO, new Diagnosis("the kernel's ZFS is not loaded", "modprobe zfs"),
                    ENODEV, new Diagnosis("the kernel's ZFS is not loaded", "modprobe zfs"),
                    EACCES, new Diagnosis("/dev/zfs is closed to this user", "Run as root"))),
    SNAPSHOT(
            "lzc_snapshot",
            Map.of(
                    ENOENT, new Diagnosis("there is no such dataset", "Check the name with zfs list"),
                    EEXIST,
                            new Diagnosis(
                                    "the dataset has a snapshot of this name (one marked for deferred destruction"
                                            + " keeps its name too)",
                                    "Choose another name"),
                    EXDEV,
                            new Diagnosis(
                                    "the snapshots lie in different pools, or two are of one dataset",
                                    "Make one call for each pool, with one snapshot for each dataset"),
                    ENOSPC,
                            new Diagnosis(
                                    "the pool has too little free space; for a volume with refreservation, to write"
                                            + " it whole once more",
                                    "Free space in the pool, or lower refreservation"),
                    EDQUOT, new Diagnosis("the limit on snapshots is reached", "Raise snapshot_limit"),
                    E2BIG, new Diagnosis("a user property's value has 8 KiB or more", "Split the value"))),
    CLONE(
            "lzc_clone",
            Map.of(
                    ENOENT,
                            new Diagnosis(
                                    "the snapshot or the dataset to clone into is missing",
                                    "Check both with zfs list -t all"),
                    EXDEV, new Diagnosis("the clone would lie in another pool", "Choose a name in the same pool"),
                    EINVAL, new Diagnosis("the origin is no snapshot", "Check it with zfs list -t snapshot"))),
    PROMOTE(
            "lzc_promote",
            Map.of(
                    EBUSY,
                            new Diagnosis(
                                    "a snapshot of the origin is in use: open, mounted or being sent",
                                    "Close what reads it, then try again"),
                    EEXIST,
                            new Diagnosis(
                                    "the clone has a snapshot with the name of one it would take over",
                                    "Rename one of the two"),
                    EINVAL, new Diagnosis("the dataset is no clone", "Promote clones only, see zfs get origin"))),
    RENAME(
            "lzc_rename",
            Map.of(
                    ENOENT,
                            new Diagnosis(
                                    "the dataset or the one to rename into is missing", "Check both with zfs list"),
                    EXDEV, new Diagnosis("the new name lies in another pool", "Choose a name in the same pool"),
                    EINVAL, new Diagnosis("a dataset cannot go below itself", "Choose another name"))),
    DESTROY(
            "lzc_destroy",
            Map.of(
                    EBUSY,
                            new Diagnosis(
                                    "the dataset is open or mounted, or has snapshots",
                                    "Close and unmount it, destroy its snapshots"),
                    EEXIST, new Diagnosis("there are datasets below it", "Destroy those first"))),
    DESTROY_SNAPSHOTS(
            "lzc_destroy_snaps",
            Map.of(
                    EBUSY,
                            new Diagnosis(
                                    "the snapshot is held, or its device or directory is open",
                                    "Release its holds (zfs holds), close what reads it, then try again"),
                    EEXIST,
                            new Diagnosis(
                                    "the snapshot has clones", "Destroy the clones first, or destroy it deferred"))),
    HOLD(
            "lzc_hold",
            Map.of(
                    EEXIST, new Diagnosis("the snapshot is held with this tag already", "Choose another tag"),
                    E2BIG, new Diagnosis("the tag is longer than 255 characters", "Choose a shorter tag"))),
    RELEASE(
            "lzc_release",
            Map.of(
                    ENOENT,
                            new Diagnosis(
                                    "there is no such snapshot, or it is not held with this tag", "See zfs holds"),
                    EBUSY,
                            new Diagnosis(
                                    "the snapshot is to be destroyed with its last hold, and is open",
                                    "Close what reads it, then try again"))),
    HOLDS("lzc_get_holds", Map.of()),
    EXISTS("lzc_exists", Map.of()),
    RANGE_SPACE(
            "lzc_snaprange_space",
            Map.of(
                    EINVAL,
                    new Diagnosis(
                            "the two are no snapshots of one dataset, the first before the last",
                            "Check their order with zfs list -t snapshot"))),
    SYNC("lzc_sync", Map.of(ENOENT, new Diagnosis("there is no such pool", "Check the name with zpool list"))),
    DEVICE(
            "wait for the device",
            Map.of(
                    ZfsErrno.ETIMEDOUT,
                    new Diagnosis(
                            "no link below /dev/zvol leads to the volume",
                            "Check that udevd runs, that volmode is not none and, for a snapshot, that snapdev is visible")));

    private final String function;
    private final Map<ZfsErrno, Diagnosis> own;

    ZfsCall(String function, Map<ZfsErrno, Diagnosis> own) {
        this.function = function;
        this.own = own;
    }

    /** The function's name in libzfs_core. */
    String function() {
        return function;
    }

    Diagnosis diagnose(int errno) {
        return ZfsErrno.of(errno)
                .map(known -> own.getOrDefault(known, known.diagnosis()))
                .orElseGet(() -> new Diagnosis("errno " + errno, "See errno(3) and zpool status"));
    }

    /** The errno by its name where it has one. */
    static String symbol(int errno) {
        return ZfsErrno.of(errno).map(ZfsErrno::name).orElse("errno " + errno);
    }
}
