package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import jnr.constants.platform.Errno;
import jnr.ffi.Runtime;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The directory a tree is mounted on, before and after. */
final class MountPoint {

    private static final Logger LOG = LoggerFactory.getLogger(MountPoint.class);

    /** {@code sys/mount.h}: ends the connection to the daemon, even where the mount then stays because it is in use. */
    private static final int MNT_FORCE = 1;
    /** {@code sys/mount.h}: takes the mount out of the tree at once, and ends it when the last user has left. */
    private static final int MNT_DETACH = 2;
    /** More than {@code struct statvfs} takes on any architecture: 112 bytes on 64-bit Linux. */
    private static final int STATVFS_BYTES = 256;

    private final Path path;
    private final MountTable table = new MountTable();
    private final LibFuse.SystemCalls system = LibFuse.system();

    private MountPoint(Path path) {
        this.path = path;
    }

    /**
     * Makes {@code path} ready: creates the directory, takes away what a killed daemon has left there.
     *
     * @throws MountException if it cannot be used
     */
    static MountPoint prepare(Path path) throws IOException {
        Path absolute = path.toAbsolutePath().normalize();
        Path parent = absolute.getParent();
        if (parent == null) {
            throw new MountException("cannot mount on " + absolute, "choose an empty directory below it");
        }
        Path real;
        try {
            // The last component is left out: looking at a stale mount fails.
            real = parent.toRealPath().resolve(absolute.getFileName());
        } catch (NoSuchFileException e) {
            throw new MountException(
                    "cannot mount on " + absolute + ": " + parent + " does not exist", "create " + parent, e);
        }
        MountPoint point = new MountPoint(real);
        point.clearStale();
        point.requireEmptyDirectory();
        return point;
    }

    Path path() {
        return path;
    }

    /** What is mounted here now. */
    Optional<MountTable.Mount> mounted() throws IOException {
        return table.at(path);
    }

    /**
     * Ends {@code mount} and takes it away, also when programs use it: what they have open then fails with an error.
     * Does nothing when it is no longer on top here.
     *
     * @throws IOException if the system refuses
     */
    void unmount(MountTable.Mount mount) throws IOException {
        if (!mounted().equals(Optional.of(mount))) {
            return;
        }
        if (call(MNT_FORCE) == 0) {
            return;
        }
        int errno = Runtime.getRuntime(system).getLastError();
        if (errno != Errno.EBUSY.intValue()) {
            throw failure(errno);
        }
        LOG.warn("{} is in use; it is taken away all the same, files that are open on it fail from now on", path);
        detach();
    }

    private void clearStale() throws IOException {
        for (Optional<MountTable.Mount> mount = mounted(); mount.isPresent(); mount = mounted()) {
            MountTable.Mount present = mount.get();
            if (!present.isFuse() || !daemonIsGone()) {
                throw new MountException(
                        path + " is a mount already: " + present.source() + " of type " + present.type(),
                        "unmount it (umount " + path + ") or choose another directory");
            }
            LOG.warn("{} is a stale mount of {} whose daemon was killed; taking it away", path, present.source());
            detach();
        }
    }

    /** By statvfs(2), which alone asks the daemon always: attributes stay in the kernel, for days, when it is gone. */
    private boolean daemonIsGone() {
        return system.statvfs(CString.encode(path.toString()), new byte[STATVFS_BYTES]) != 0
                && Runtime.getRuntime(system).getLastError() == Errno.ENOTCONN.intValue();
    }

    private void requireEmptyDirectory() throws IOException {
        if (Files.isSymbolicLink(path)) {
            throw new MountException(
                    path + " is a symbolic link to " + Files.readSymbolicLink(path), "give the directory itself");
        }
        if (Files.notExists(path, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectory(path);
            LOG.info("{} did not exist; created it", path);
            return;
        }
        if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new MountException(path + " is not a directory", "choose an empty or a new directory");
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
            if (entries.iterator().hasNext()) {
                throw new MountException(
                        path + " is not empty, and mounting would hide what is in it",
                        "choose an empty or a new directory");
            }
        }
    }

    private void detach() throws IOException {
        if (call(MNT_FORCE | MNT_DETACH) != 0) {
            throw failure(Runtime.getRuntime(system).getLastError());
        }
    }

    private int call(int flags) {
        return system.umount2(CString.encode(path.toString()), flags);
    }

    private MountException failure(int errno) {
        Errno error = Errno.valueOf(errno);
        return new MountException(
                "cannot unmount " + path + ": " + error.description() + " (" + error.name() + ")",
                error == Errno.EPERM ? "run as root" : "unmount it by hand (umount -l " + path + ")");
    }
}
