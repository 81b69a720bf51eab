package org.flatsnap.fuseview;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import jnr.ffi.Runtime;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A connection between libfuse and the kernel, and the threads that serve it. The threads are Java's own and each runs
 * libfuse's single loop on the shared session, as libfuse's own loop for several threads does with threads of C; those
 * would be attached to and detached from the virtual machine around each of their first thousand calls. The loops end when
 * the kernel ends the connection; the last one frees what is shared.
 */
final class FuseSession {

    private static final Logger LOG = LoggerFactory.getLogger(FuseSession.class);
    private static final Path DEVICE = Path.of("/dev/fuse");

    private final LibFuse.Functions fuse;
    private final byte[] mountPoint;
    // Its callbacks must outlive the session.
    private final OperationTable operations;
    private final Runnable whenEnded;
    private final long channel;
    private final long session;
    private final AtomicInteger running;
    // Complete before anybody can wait for the end.
    private final List<Thread> threads = new ArrayList<>();
    private final CountDownLatch ended = new CountDownLatch(1);

    private FuseSession(
            LibFuse.Functions fuse,
            Path mountPoint,
            MountOptions options,
            OperationTable operations,
            Runnable whenEnded)
            throws MountException {
        this.fuse = fuse;
        this.mountPoint = CString.encode(mountPoint.toString());
        this.operations = operations;
        this.whenEnded = whenEnded;
        this.running = new AtomicInteger(options.threads());
        FuseArguments arguments =
                new FuseArguments(Runtime.getRuntime(fuse), List.of(options.name(), "-o", text(options)));
        try {
            channel = fuse.fuse_mount(this.mountPoint, arguments);
            if (channel == 0) {
                throw new MountException(
                        "libfuse could not mount on " + mountPoint + "; its reason is on standard error",
                        hasFusermount()
                                ? "run as root, outside of containers without CAP_SYS_ADMIN"
                                : "run as root with CAP_SYS_ADMIN, or install fusermount (package fuse3 or fuse)");
            }
            session = fuse.fuse_lowlevel_new(arguments, operations.memory(), operations.size(), 0);
            if (session == 0) {
                fuse.fuse_unmount(this.mountPoint, channel);
                throw new MountException(
                        "libfuse refused the options " + text(options), "install a libfuse2 of version 2.9");
            }
        } finally {
            fuse.fuse_opt_free_args(arguments);
        }
        fuse.fuse_session_add_chan(session, channel);
    }

    /**
     * Mounts and starts the threads.
     *
     * @param whenEnded runs on the last thread when the mount has ended, whoever ended it
     */
    static FuseSession start(
            LibFuse.Functions fuse,
            Path mountPoint,
            MountOptions options,
            OperationTable operations,
            Runnable whenEnded)
            throws MountException {
        requireDevice(DEVICE);
        FuseSession session = new FuseSession(fuse, mountPoint, options, operations, whenEnded);
        session.startThreads(options);
        return session;
    }

    static void requireDevice(Path device) throws MountException {
        if (Files.notExists(device)) {
            throw new MountException(
                    device + " does not exist: the kernel has no FUSE",
                    "load it (modprobe fuse), or pass the device in");
        }
        if (!Files.isReadable(device) || !Files.isWritable(device)) {
            throw new MountException(device + " may not be opened", "run as root");
        }
    }

    boolean isEnded() {
        return ended.getCount() == 0;
    }

    /** Waits until all threads have ended, and tells whether they have. */
    boolean awaitEnd(Duration longest) {
        try {
            if (!ended.await(longest.toMillis(), TimeUnit.MILLISECONDS)) {
                return false;
            }
            // From here on each has only its last few instructions before it.
            for (Thread thread : threads) {
                thread.join();
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return isEnded();
        }
    }

    private void startThreads(MountOptions options) {
        int started = 0;
        try {
            while (started < options.threads()) {
                Thread thread = new Thread(this::serve, options.name() + "-fuse-" + (started + 1));
                thread.setDaemon(true);
                threads.add(thread);
                thread.start();
                started++;
            }
        } catch (Throwable e) {
            // Mostly a limit on threads. Without a channel libfuse only detaches the mount, which ends the loops.
            fuse.fuse_unmount(mountPoint, 0);
            if (running.addAndGet(started - options.threads()) == 0) {
                end();
            }
            throw e;
        }
    }

    private void serve() {
        try {
            if (fuse.fuse_session_loop(session) != 0) {
                LOG.error("a thread that serves {} has failed to read from {}", this, DEVICE);
            }
        } finally {
            if (running.decrementAndGet() == 0) {
                end();
            }
        }
    }

    private void end() {
        try {
            fuse.fuse_session_remove_chan(channel);
            fuse.fuse_session_destroy(session);
            // Closes the device; it unmounts only where the loops ended though the kernel has not ended the mount.
            fuse.fuse_unmount(mountPoint, channel);
            whenEnded.run();
        } finally {
            ended.countDown();
        }
    }

    private static String text(MountOptions options) {
        List<String> words = new ArrayList<>(List.of("ro", "nosuid", "nodev", "default_permissions"));
        if (options.allowOther()) {
            words.add("allow_other");
        }
        words.add("fsname=" + options.name());
        words.add("subtype=" + options.name());
        return String.join(",", words);
    }

    private static boolean hasFusermount() {
        String path = System.getenv().getOrDefault("PATH", "/usr/bin:/bin");
        for (String directory : path.split(":")) {
            if (Files.isExecutable(Path.of(directory, "fusermount"))) {
                return true;
            }
        }
        return false;
    }
}
