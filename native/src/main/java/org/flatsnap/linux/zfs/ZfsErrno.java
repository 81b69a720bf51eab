package org.flatsnap.linux.zfs;

import java.util.Optional;

/**
 * The error numbers that ZFS answers with, and what each means unless a call says otherwise ({@link ZfsCall}). Numbers up
 * to 133 are those of asm-generic/errno.h, from 1024 on those of {@code zfs_errno_t} in sys/fs/zfs.h (2.1 to 2.3, which only
 * appended).
 */
public enum ZfsErrno {
    EPERM(1, "the caller may not do this", "Run as root"),
    ENOENT(2, "there is no such dataset or snapshot", "Check the name with zfs list -t all"),
    ESRCH(3, "there is no such hold or entry", "Check the name with zfs list -t all"),
    EINTR(4, "a signal interrupted the call", "Try again"),
    EIO(5, "the pool cannot read or write its devices", "See zpool status -v"),
    ENXIO(6, "the pool or its device is gone", "See zpool status -v"),
    E2BIG(7, "a value is too long", "A user property's value must stay below 8 KiB, split it"),
    EBADF(9, "the file descriptor is not open for this", "Open the file for this use"),
    EAGAIN(11, "the pool is suspended or the dataset is in use for the moment", "See zpool status -v, then try again"),
    ENOMEM(12, "the kernel has not enough memory", "Free memory on this host, then try again"),
    EACCES(13, "the caller may not do this, or the dataset's key is not loaded", "Run as root; zfs load-key"),
    EBUSY(16, "the dataset is in use", "Close what has it open or mounted (fuser, lsof), then try again"),
    EEXIST(17, "there is one of this name", "Choose another name, or remove that one"),
    EXDEV(18, "the names lie in different pools", "One call works in one pool, make one call for each"),
    ENODEV(19, "ZFS is not loaded", "modprobe zfs"),
    EINVAL(
            22,
            "ZFS does not take this name, value or combination",
            "Check type of dataset and values with zfs get all"),
    ETXTBSY(26, "the target changed since its last snapshot", "Receive into a new dataset"),
    ENOSPC(
            28,
            "the pool has too little free space, or the dataset's reservation asks for more than is free",
            "Free space in the pool, or lower refreservation"),
    EROFS(30, "the pool or dataset is read-only", "Import the pool writable, see zpool get readonly"),
    EPIPE(32, "the reader closed its end", "See why the reading side ended"),
    EDOM(33, "the value is out of its range", "See zfsprops(7) for the range"),
    ERANGE(34, "the value is out of its range", "See zfsprops(7) for the range"),
    ENAMETOOLONG(
            36,
            "a name would be longer than ZFS allows: 255 characters, snapshots of the dataset and of those below counted",
            "Choose a shorter name"),
    ECHKSUM(52, "checksums do not match: the data is damaged", "See zpool status -v; restore from a copy"),
    ENOTSUP(
            95,
            "this pool or this version of ZFS cannot do that",
            "See zpool get all and zpool upgrade for features that are off"),
    ETIMEDOUT(110, "it did not end in time", "See zpool status and the kernel's log, then try again"),
    EDQUOT(122, "a quota or a limit on snapshots or datasets is reached", "Raise quota or limit, see zfs get all"),
    ECANCELED(125, "the operation was called off", "Try again"),

    ZFS_ERR_CHECKPOINT_EXISTS(1024, "the pool has a checkpoint", "zpool checkpoint -d"),
    ZFS_ERR_DISCARDING_CHECKPOINT(1025, "the pool is discarding its checkpoint", "Wait, see zpool status"),
    ZFS_ERR_NO_CHECKPOINT(1026, "the pool has no checkpoint", "See zpool status"),
    ZFS_ERR_DEVRM_IN_PROGRESS(1027, "a device is being removed from the pool", "Wait, see zpool status"),
    ZFS_ERR_VDEV_TOO_BIG(1028, "a device is too big for the pool", "See zpool status"),
    ZFS_ERR_IOC_CMD_UNAVAIL(
            1029,
            "the kernel's ZFS does not know this call",
            "Bring module and library to the same version, see zfs version"),
    ZFS_ERR_IOC_ARG_UNAVAIL(
            1030,
            "the kernel's ZFS does not know an argument of this call",
            "Bring module and library to the same version, see zfs version"),
    ZFS_ERR_IOC_ARG_REQUIRED(
            1031,
            "the kernel's ZFS misses an argument of this call",
            "Bring module and library to the same version, see zfs version"),
    ZFS_ERR_IOC_ARG_BADTYPE(
            1032,
            "the kernel's ZFS wants an argument of another type",
            "Bring module and library to the same version, see zfs version"),
    ZFS_ERR_WRONG_PARENT(1033, "the dataset above is a volume, which cannot hold others", "Choose another place"),
    ZFS_ERR_FROM_IVSET_GUID_MISSING(1034, "the raw stream's origin is unknown here", "Send a full stream"),
    ZFS_ERR_FROM_IVSET_GUID_MISMATCH(1035, "the raw stream's origin is another one here", "Send a full stream"),
    ZFS_ERR_SPILL_BLOCK_FLAG_MISSING(1036, "the stream comes from too old a version", "Send it with a newer ZFS"),
    ZFS_ERR_UNKNOWN_SEND_STREAM_FEATURE(1037, "the stream comes from too new a version", "Upgrade ZFS here"),
    ZFS_ERR_EXPORT_IN_PROGRESS(1038, "the pool is being exported", "Import it again"),
    ZFS_ERR_BOOKMARK_SOURCE_NOT_ANCESTOR(1039, "the bookmark is no ancestor", "Choose an ancestor"),
    ZFS_ERR_STREAM_TRUNCATED(1040, "the stream ends too early", "Send it again and check the transport"),
    ZFS_ERR_STREAM_LARGE_BLOCK_MISMATCH(
            1041, "the streams differ in their use of large blocks", "Send with the same flags as before"),
    ZFS_ERR_RESILVER_IN_PROGRESS(1042, "the pool is resilvering", "Wait, see zpool status"),
    ZFS_ERR_REBUILD_IN_PROGRESS(1043, "the pool is being rebuilt", "Wait, see zpool status"),
    ZFS_ERR_BADPROP(1044, "a property is not valid here", "See zfsprops(7)"),
    ZFS_ERR_VDEV_NOTSUP(1045, "the pool's devices do not support this", "See zpool status"),
    ZFS_ERR_NOT_USER_NAMESPACE(1046, "the file is no user namespace", "Run on the host itself"),
    ZFS_ERR_RESUME_EXISTS(1047, "an interrupted receive waits to be resumed", "zfs receive -A on the target"),
    ZFS_ERR_CRYPTO_NOTSUP(1048, "encryption forbids this", "Use an unencrypted dataset or a raw stream"),
    ZFS_ERR_RAIDZ_EXPAND_IN_PROGRESS(1049, "the pool is being expanded", "Wait, see zpool status"),
    ZFS_ERR_ASHIFT_MISMATCH(1050, "sector sizes of the devices differ", "See zpool get ashift"),
    ZFS_ERR_STREAM_LARGE_MICROZAP(1051, "the stream needs large_microzap", "Enable that feature on the pool");

    private final int number;
    private final String why;
    private final String remedy;

    ZfsErrno(int number, String why, String remedy) {
        this.number = number;
        this.why = why;
        this.remedy = remedy;
    }

    /** The one with that number, if it is listed here. */
    public static Optional<ZfsErrno> of(int number) {
        for (ZfsErrno errno : values()) {
            if (errno.number == number) {
                return Optional.of(errno);
            }
        }
        return Optional.empty();
    }

    public int number() {
        return number;
    }

    Diagnosis diagnosis() {
        return new Diagnosis(why, remedy);
    }
}
