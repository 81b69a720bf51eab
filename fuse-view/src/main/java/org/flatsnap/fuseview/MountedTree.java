package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
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

    /** What served best in measurements; with 4 MiB reading is half as fast. */
    private static final int READ_AHEAD_KIB = 512;

    /** Within this time a mount must answer, or the threads of a closed one must end. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final MountPoint mountPoint;
    private final FuseSession session;
    private final MountTable.Mount mount;
    private final Invalidation invalidation;
    private boolean closed;

    private MountedTree(MountPoint mountPoint, FuseSession session, MountTable.Mount mount, Invalidation invalidation) {
        this.invalidation = invalidation;
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
        LibFuse.SystemCalls system = LibFuse.system();
        Device device = new Device(fuse, system);
        Gates gates = new Gates(Math.max(1, options.threads() / 2));
        Deadlines deadlines = new Deadlines(device, options.deadline(), gates);
        Responder responder = new Responder(fuse, device, gates, deadlines);
        TreeRequests requests = new TreeRequests(fuse, system, device, responder, tree);
        MountPoint prepared = MountPoint.prepare(mountPoint);
        Invalidation invalidation = new Invalidation(device, requests.nodes(), options.name() + "-invalidation");
        deadlines.start(options.name() + "-deadlines");
        Runnable whenEnded = () -> {
            invalidation.close();
            deadlines.stop();
            requests.closeAll();
        };
        FuseSession session;
        try {
            session = FuseSession.start(fuse, prepared.path(), options, device, requests, whenEnded);
        } catch (IOException | RuntimeException | Error e) {
            whenEnded.run();
            throw e;
        }
        Optional<MountTable.Mount> mount = prepared.mounted();
        if (mount.isEmpty()) {
            throw new MountException(
                    "the mount on " + prepared.path() + " vanished at once", "see who else unmounts there");
        }
        MountedTree mounted = new MountedTree(prepared, session, mount.get(), invalidation);
        try {
            mounted.probe();
        } catch (IOException | RuntimeException e) {
            mounted.closeAfter(e);
            throw e;
        }
        mount.get().readAhead(READ_AHEAD_KIB);
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
     * To be told when a name in a directory has begun to lead elsewhere, or nowhere. Not needed where {@link Tree#validity()}
     * is zero. Programs that stand in a directory whose own name is told here lose its path. For names that are new, tell
     * {@link #nodeChanged} of the directory.
     *
     * <p>Must not be waited for on a thread of the mount, that is within a call of the tree, nor while holding what such a call
     * waits for: the kernel answers when what was asked in that directory before has been answered.
     *
     * @param directory its inode number
     * @return is complete when every program that asks sees the tree as it is
     */
    public CompletableFuture<Void> entryChanged(long directory, String name) {
        return invalidation.entry(directory, name);
    }

    /** The same for the attributes, the listing or the target of the node with this inode number. */
    public CompletableFuture<Void> nodeChanged(long inode) {
        return invalidation.node(inode);
    }

    /** The same for whatever may have changed. Asks the tree about every node that the kernel knows. */
    public CompletableFuture<Void> everythingChanged() {
        return invalidation.all();
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
