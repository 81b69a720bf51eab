package org.flatsnap.fuseview;

import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the kernel forget what is no longer so. On a thread of its own: the kernel waits with it for the look-ups and listings
 * under way in that directory, which wait for threads of the mount and for the tree. Safe for use by several threads.
 */
final class Invalidation implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Invalidation.class);
    /** No file has this name, so asking the kernel to forget it does nothing but wait for the directory. */
    private static final byte[] NO_NAME = CString.encode("/");

    private final Device device;
    private final NodeTable nodes;
    private final String name;
    private final Set<Thread> made = ConcurrentHashMap.newKeySet();
    private final ExecutorService thread;

    Invalidation(Device device, NodeTable nodes, String name) {
        this.device = device;
        this.nodes = nodes;
        this.name = name;
        this.thread = Executors.newSingleThreadExecutor(this::thread);
    }

    private Thread thread(Runnable task) {
        Thread started = new Thread(task, name);
        started.setDaemon(true);
        made.removeIf(other -> other.getState() == Thread.State.TERMINATED);
        made.add(started);
        return started;
    }

    CompletableFuture<Void> entry(long directory, String name) {
        return run(() -> nodes.findInode(directory).ifPresent(known -> {
            device.invalidateEntry(known.id(), CString.encode(name));
            device.invalidateNode(known.id());
        }));
    }

    CompletableFuture<Void> node(long inode) {
        return run(() -> nodes.findInode(inode).ifPresent(this::node));
    }

    CompletableFuture<Void> all() {
        // On another thread: it asks the tree, and waits for every directory that somebody looks into.
        return run(
                () -> nodes.all().forEach(this::compare), task -> thread(task).start());
    }

    /** An entry that still leads where it led is left alone: who works in that directory would be without a path. */
    private void compare(KnownNode known) {
        KnownNode parent = known.parent();
        if (parent != null && !leadsTo(parent, known)) {
            device.invalidateEntry(parent.id(), CString.encode(known.name()));
        }
        node(known);
    }

    private static boolean leadsTo(KnownNode parent, KnownNode known) {
        try {
            Optional<Node> child = parent.directory().child(known.name());
            return child.isPresent()
                    && child.get().kind() == known.node().kind()
                    // A store may hang for good, and what is on it goes with its directory.
                    && (child.get().source().isPresent()
                            || child.get().attributes().inode() == known.inode());
        } catch (IOException | RuntimeException e) {
            LOG.debug("{} cannot be told to be as it was", known, e);
            return false;
        }
    }

    private void node(KnownNode known) {
        if (known.node().kind() == Node.Kind.DIRECTORY) {
            // A listing that was begun before the change must not be kept after this.
            device.invalidateEntry(known.id(), NO_NAME);
        }
        device.invalidateNode(known.id());
    }

    private CompletableFuture<Void> run(Runnable task) {
        return run(task, thread);
    }

    private static CompletableFuture<Void> run(Runnable task, Executor executor) {
        try {
            return CompletableFuture.runAsync(task, executor).exceptionally(e -> {
                LOG.error("the kernel may show what has changed in the tree as it was", e);
                return null;
            });
        } catch (RejectedExecutionException e) {
            LOG.debug("the mount has ended", e);
            return CompletableFuture.completedFuture(null);
        }
    }

    @Override
    public void close() {
        thread.shutdown();
        made.forEach(Threads::join);
    }
}
