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
    private static final Duration POLL = Duration.ofMillis(20);

    /** Waits for it as {@link Store#lock} says. */
    static VmLock take(Path file, VmId vm, Duration patience) throws IOException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (true) {
            Optional<Flock> lock = Flock.tryLock(file);
            if (lock.isPresent()) {
                return new FileLock(vm, lock.get());
            }
            if (System.nanoTime() >= deadline) {
                throw new Problem(
                        Code.BUSY,
                        "cannot work on VM " + vm,
                        "another operation on it has been running for more than " + patience.toSeconds() + " s",
                        "Try again when it has ended");
            }
            pause(vm);
        }
    }

    private static void pause(VmId vm) {
        try {
            Thread.sleep(POLL.toMillis());
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
