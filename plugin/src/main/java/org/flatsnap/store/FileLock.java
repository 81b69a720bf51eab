package org.flatsnap.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.flatsnap.linux.Flock;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.VmId;

/** A VM's lock as a flock(2) on a file, which holds across the nodes of a cluster where the file system does. */
record FileLock(VmId vm, Flock lock) implements VmLock {
    private static final long SHORTEST_PAUSE_MILLIS = 20;
    private static final long LONGEST_PAUSE_MILLIS = 250;

    /** Waits for it as {@link Store#lock} says. */
    static VmLock take(Path file, VmId vm, Duration patience) throws IOException {
        long begun = System.nanoTime();
        while (true) {
            Optional<Flock> lock = Flock.tryLock(file);
            if (lock.isPresent()) {
                return new FileLock(vm, lock.get());
            }
            long waited = System.nanoTime() - begun;
            if (waited >= patience.toNanos()) {
                throw new Problem(
                        Code.BUSY,
                        "cannot work on VM " + vm,
                        "another operation on it has been running for more than " + patience.toSeconds() + " s",
                        "Try again when it has ended");
            }
            // In proportion, because each try goes through the whole cluster: those who wait long, for a node that died
            // perhaps, would keep its lock manager busy.
            pause(vm, Duration.ofNanos(waited / 4).toMillis());
        }
    }

    private static void pause(VmId vm, long millis) {
        try {
            Thread.sleep(Math.max(SHORTEST_PAUSE_MILLIS, Math.min(millis, LONGEST_PAUSE_MILLIS)));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Problem(
                    Code.BUSY, "cannot work on VM " + vm, "the daemon is stopping", "Try again when it is back", e);
        }
    }

    @Override
    public void close() {
        try {
            lock.close();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot unlock VM " + vm, e);
        }
    }
}
