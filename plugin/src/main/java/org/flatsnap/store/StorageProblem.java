package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import org.flatsnap.linux.Errno;
import org.flatsnap.linux.ErrnoException;
import org.flatsnap.linux.zfs.ZfsErrno;
import org.flatsnap.linux.zfs.ZfsException;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;

/** The one place where failures of storage become a {@link Problem} with a remedy. */
final class StorageProblem {
    private static final List<Integer> KNOWN =
            List.of(Errno.ENOSPC, Errno.EDQUOT, Errno.EROFS, Errno.EXDEV, Errno.EIO, Errno.ENAMETOOLONG);

    private StorageProblem() {}

    static Problem of(String what, Object root, IOException cause) {
        if (cause instanceof ZfsException refused) {
            return of(what, root, refused);
        }
        if (cause instanceof FileAlreadyExistsException other) {
            return new Problem(
                    Code.EXISTS,
                    what,
                    other.getFile() + " was made by somebody else just now",
                    "Choose another name, or move that away",
                    cause);
        }
        return switch (errno(cause)) {
            case Errno.ENOSPC, Errno.EDQUOT ->
                new Problem(
                        Code.NO_SPACE,
                        what,
                        "the store " + root + " is full",
                        "Delete snapshots that are not needed (flatsnap list, flatsnap delete) or enlarge the file system",
                        cause);
            case Errno.EROFS ->
                new Problem(
                        Code.UNAVAILABLE,
                        what,
                        "the store " + root + " is mounted read-only",
                        "Find out why (dmesg tells if the kernel did it after an error), then: mount -o remount,rw "
                                + root,
                        cause);
            case Errno.EOPNOTSUPP, Errno.ENOTTY ->
                new Problem(
                        Code.UNSUPPORTED,
                        what,
                        "the file system of " + root + " cannot share blocks between files (no reflink)",
                        "Use XFS made with reflink=1, btrfs or OCFS2 with refcount, and move the disks there",
                        cause);
            case Errno.EXDEV ->
                new Problem(
                        Code.UNSUPPORTED,
                        what,
                        "the disk lies on another file system or subvolume than the store " + root,
                        "Add a [[store]] on the disk's own file system to /etc/flatsnap/flatsnap.toml",
                        cause);
            case Errno.ENOENT ->
                new Problem(
                        Code.UNAVAILABLE,
                        what,
                        "a file is missing (" + cause.getMessage() + ")",
                        "Check that the store " + root + " is mounted and the disk is where the VM's definition says",
                        cause);
            case Errno.ENAMETOOLONG ->
                new Problem(
                        Code.INVALID,
                        what,
                        "a file name would be longer than 255 bytes",
                        "Choose a shorter name",
                        cause);
            case Errno.EIO ->
                new Problem(
                        Code.UNAVAILABLE,
                        what,
                        "the device under " + root + " reported an error (" + cause.getMessage() + ")",
                        "Look at dmesg and check the device before anything else",
                        cause);
            default ->
                new Problem(
                        Code.UNAVAILABLE,
                        what,
                        "the store " + root + " failed (" + cause.getMessage() + ")",
                        "Run 'flatsnap doctor'",
                        cause);
        };
    }

    private static Problem of(String what, Object root, ZfsException cause) {
        Code code =
                switch (ZfsErrno.of(cause.errno()).orElse(ZfsErrno.EIO)) {
                    case ENOSPC, EDQUOT -> Code.NO_SPACE;
                    case EBUSY -> Code.BUSY;
                    case EEXIST -> Code.EXISTS;
                    case ENODEV -> Code.UNSUPPORTED;
                    default -> Code.UNAVAILABLE;
                };
        String remedy = code == Code.NO_SPACE
                ? "Delete snapshots that are not needed (flatsnap list, flatsnap delete). " + cause.remedy()
                : cause.remedy();
        String why = cause.is(ZfsErrno.EROFS) ? "the pool of " + root + " is read-only" : cause.why();
        return new Problem(code, what, cause.subject() + ": " + why, remedy, cause);
    }

    private static int errno(IOException cause) {
        if (cause instanceof ErrnoException failed) {
            return failed.errno();
        }
        if (cause instanceof NoSuchFileException) {
            return Errno.ENOENT;
        }
        // java.nio keeps the C library's text and drops the number.
        String reason = cause instanceof FileSystemException failed ? failed.getReason() : cause.getMessage();
        return KNOWN.stream()
                .filter(errno -> Errno.text(errno).equals(reason))
                .findFirst()
                .orElse(0);
    }
}
