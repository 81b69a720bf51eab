package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A {@link Tree} that is mounted read-only, until it is closed. The mount also ends when somebody unmounts it from outside.
 *
 * <p>A process that is killed leaves a stale mount ("Transport endpoint is not connected"); the next {@link #mount} on the
 * same place takes it away. There is no shutdown hook: whoever mounts also closes.
 *
 * <p>A program must not touch its own mount by mapping files into memory: a page fault stops a Java thread where the
 * garbage collector cannot wait for it, while the answer needs a Java thread. Reading in the ordinary way is fine.
 *
 * <p>Safe for use by several threads.
 */
public final class MountedTree implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(MountedTree.class);

    /** Within this time a mount must answer, or the threads of a closed one must end. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final MountPoint mountPoint;
    private final FuseSession session;
    private final MountTable.Mount mount;
    private boolean closed;

    private MountedTree(MountPoint mountPoint, FuseSession session, MountTable.Mount mount) {
        this.mountPoint = mountPoint;
        this.session = session;
        this.mount = mount;
    }

    /**
     * Mounts {@code tree} and returns when the mount answers. A missing directory is created where its parent exists; a
     * stale mount is taken away. Needs root, libfuse2 and {@code /dev/fuse}.
     *
     * @param mountPoint a new or an empty directory
     * @throws MountException with cause and remedy, if the mount point cannot be used or something needed is missing
     * @throws IOException if the root of the tree has no attributes, or the mount does not answer within 10 seconds
     */
    public static MountedTree mount(Path mountPoint, Tree tree, MountOptions options) throws IOException {
        LibFuse.Functions fuse = LibFuse.load(LibFuse.NAME);
        TreeRequests requests = new TreeRequests(fuse, tree);
        MountPoint prepared = MountPoint.prepare(mountPoint);
        FuseSession session =
                FuseSession.start(fuse, prepared.path(), options, requests.operations(), requests::closeAll);
        Optional<MountTable.Mount> mount = prepared.mounted();
        if (mount.isEmpty()) {
            throw new MountException(
                    "the mount on " + prepared.path() + " vanished at once", "see who else unmounts there");
        }
        MountedTree mounted = new MountedTree(prepared, session, mount.get());
        try {
            mounted.probe();
        } catch (IOException | RuntimeException e) {
            mounted.closeAfter(e);
            throw e;
        }
        LOG.info("mounted {} on {}", options.name(), prepared.path());
        return mounted;
    }

    /** Where the tree is: an absolute path without symbolic links. */
    public Path mountPoint() {
        return mountPoint.path();
    }

    /** Whether the tree is still mounted and served. */
    public boolean isMounted() {
        return !session.isEnded();
    }

    /**
     * Unmounts and ends the threads. Where the mount is in use it is taken away all the same: programs then get errors from
     * the files they have open, never a premature end of file. A thread that hangs in the tree is waited for up to 10
     * seconds; it ends, and frees the native session, when the tree's call returns. Closing twice does nothing.
     *
     * @throws IOException if the system refuses to unmount; the mount is then served on, and close may be called again
     */
    @Override
    public synchronized void close() throws IOException {
        if (closed) {
            return;
        }
        if (isMounted()) {
            mountPoint.unmount(mount);
            if (!session.awaitEnd(PATIENCE)) {
                LOG.warn(
                        "unmounted {}, but a request hangs in its tree, or files are open on a mount that somebody else "
                                + "detached; the threads end with those",
                        mountPoint());
            }
        }
        closed = true;
        LOG.info("unmounted {}", mountPoint());
    }

    /** Asks for the root's attributes on a thread that can be left behind, because a mount that hangs cannot be interrupted. */
    private void probe() throws IOException {
        FutureTask<Boolean> question = new FutureTask<>(
                () -> Files.readAttributes(mountPoint(), "unix:ino").isEmpty());
        Thread thread = new Thread(question, "mount-probe");
        thread.setDaemon(true);
        thread.start();
        try {
            question.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw new IOException("the mount on " + mountPoint() + " cannot show its root", e.getCause());
        } catch (TimeoutException e) {
            throw new IOException("the mount on " + mountPoint() + " does not answer", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while mounting on " + mountPoint(), e);
        }
    }

    private void closeAfter(Exception failure) {
        try {
            close();
        } catch (IOException | RuntimeException e) {
            failure.addSuppressed(e);
        }
    }
}
