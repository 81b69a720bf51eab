package org.flatsnap.fuseview;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import jnr.constants.platform.Errno;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A connection between libfuse and the kernel, and the threads that serve it. The threads are Java's own and each receives
 * from the shared session and has libfuse process, as libfuse's own loop for several threads does with threads of C; those
 * would be attached to and detached from the virtual machine around each of their first thousand calls. As there, one more
 * is started when the last idle one receives something, and one ends when many are idle. All end when the kernel ends the
 * connection; the last one frees what is shared.
 */
final class FuseSession {

    private static final Logger LOG = LoggerFactory.getLogger(FuseSession.class);
    private static final Path DEVICE = Path.of("/dev/fuse");
    /** Two serve one reader and its read-ahead; more make each other's caches cold. */
    private static final int FIRST_THREADS = 2;

    private static final int MOST_IDLE = 8;
    private static final int BUFFER_MEMORY = 16;
    private static final int BUFFER_SIZE = 40;

    private final LibFuse.Functions fuse;
    private final byte[] mountPoint;
    // Its callbacks must outlive the session.
    private final OperationTable operations;
    private final TreeRequests requests;
    private final Handshake handshake;
    private final Device device;
    private final MountOptions options;
    private final Runnable whenEnded;
    private final long channel;
    private final long session;
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger idle = new AtomicInteger();
    private final AtomicInteger started = new AtomicInteger();
    private final Set<Thread> threads = ConcurrentHashMap.newKeySet();
    private final CountDownLatch ended = new CountDownLatch(1);

    private FuseSession(
            LibFuse.Functions fuse,
            Path mountPoint,
            MountOptions options,
            Device device,
            TreeRequests requests,
            Runnable whenEnded)
            throws MountException {
        this.fuse = fuse;
        this.mountPoint = CString.encode(mountPoint.toString());
        this.options = options;
        this.device = device;
        this.requests = requests;
        this.operations = requests.operations();
        this.handshake = new Handshake(fuse, device);
        this.whenEnded = whenEnded;
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
        device.open(channel);
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
            Device device,
            TreeRequests requests,
            Runnable whenEnded)
            throws MountException {
        requireDevice(DEVICE);
        FuseSession session = new FuseSession(fuse, mountPoint, options, device, requests, whenEnded);
        session.startThreads();
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

    private void startThreads() {
        // Held until all are started, so that none of them is the last meanwhile.
        running.incrementAndGet();
        try {
            for (int i = 0; i < Math.min(FIRST_THREADS, options.threads()); i++) {
                startThread();
            }
        } catch (Throwable e) {
            // Mostly a limit on threads. Without a channel libfuse only detaches the mount, which ends the loops.
            fuse.fuse_unmount(mountPoint, 0);
            throw e;
        } finally {
            leave();
        }
    }

    private void startThread() {
        Thread thread = new Thread(this::serve, options.name() + "-fuse-" + started.incrementAndGet());
        thread.setDaemon(true);
        threads.removeIf(other -> other.getState() == Thread.State.TERMINATED);
        threads.add(thread);
        running.incrementAndGet();
        try {
            thread.start();
        } catch (Throwable e) {
            threads.remove(thread);
            running.decrementAndGet();
            throw e;
        }
    }

    private void serve() {
        try {
            if (receive() < 0) {
                LOG.error("a thread that serves {} has failed to read from {}", options.name(), DEVICE);
            }
        } finally {
            try {
                requests.threadEnds();
            } finally {
                leave();
            }
        }
    }

    private void leave() {
        if (running.decrementAndGet() == 0) {
            end();
        }
    }

    /** Serves until the connection ends, or others are idle enough; negative if reading failed. */
    private int receive() {
        Runtime runtime = Runtime.getRuntime(fuse);
        long size = fuse.fuse_chan_bufsize(channel);
        Pointer bytes = Memory.allocateDirect(runtime, size);
        // struct fuse_buf: size, flags, memory, descriptor, position; then the channel.
        Pointer buffer = Memory.allocateDirect(runtime, BUFFER_SIZE + (long) Long.BYTES, true);
        long from = buffer.address() + BUFFER_SIZE;
        idle.incrementAndGet();
        while (fuse.fuse_session_exited(session) == 0) {
            buffer.putLongLong(0, size);
            buffer.putAddress(BUFFER_MEMORY, bytes.address());
            buffer.putAddress(BUFFER_SIZE, channel);
            int received = fuse.fuse_session_receive_buf(session, buffer.address(), from);
            if (received == -Errno.EINTR.intValue()) {
                continue;
            }
            if (received <= 0) {
                return received;
            }
            boolean last = idle.decrementAndGet() == 0;
            if (last && running.get() < options.threads()) {
                startAnother();
            }
            process(buffer, bytes);
            if (idle.incrementAndGet() > MOST_IDLE) {
                idle.decrementAndGet();
                return 0;
            }
        }
        return 0;
    }

    private void startAnother() {
        try {
            startThread();
        } catch (Throwable e) {
            LOG.warn("{} goes on with {} threads, no more can be started", options.name(), running.get(), e);
        }
    }

    private void process(Pointer buffer, Pointer bytes) {
        long unique = bytes.getLongLong(Incoming.UNIQUE);
        try {
            if (bytes.getInt(Incoming.OPCODE) == Handshake.OPCODE) {
                handshake.answer(session, channel, buffer, bytes, unique);
            } else if (!requests.received(bytes)) {
                fuse.fuse_session_process_buf(session, buffer.address(), channel);
            }
        } catch (Throwable e) {
            // Mostly memory that ran out; that of the request is there for the answer.
            device.send(bytes, unique, Errno.EIO.intValue(), 0);
            LOG.error("a request could not be taken up, answered EIO", e);
        }
    }

    private void end() {
        try {
            device.close();
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
