package org.flatsnap.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;
import org.flatsnap.linux.Errno;
import org.flatsnap.linux.ErrnoException;
import org.flatsnap.linux.Flock;
import org.flatsnap.model.Problem;

/**
 * One operation's unpublished files. The owner holds a flock in the directory, so that recovery, on whichever node, knows
 * the directory of a living owner from one left behind.
 */
final class Staging implements AutoCloseable {
    private static final String OWNER = "owner";
    private static final Duration PATIENCE = Duration.ofMillis(500);
    private static final Duration POLL = Duration.ofMillis(20);

    private final Path directory;
    private final Flock owner;
    private boolean kept;

    private Staging(Path directory, Flock owner) {
        this.directory = directory;
        this.owner = owner;
    }

    /** Makes an empty directory of this name, in place of one that a dead owner left. */
    static Staging create(Path directory) throws IOException {
        // Somebody who looks for what the dead left may have it for a moment, even before it has an owner.
        return patiently(() -> makeEmpty(directory))
                .orElseThrow(() -> new Problem(
                        Problem.Code.BUSY,
                        "cannot begin the operation " + directory.getFileName(),
                        "it is under way already",
                        "Wait for it, or ask again with the same operation id to get its result"));
    }

    private static Optional<Staging> makeEmpty(Path directory) throws IOException {
        if (Files.exists(directory)) {
            Optional<Staging> abandoned = adopt(directory);
            if (abandoned.isEmpty()) {
                return Optional.empty();
            }
            abandoned.get().close();
        }
        Files.createDirectory(directory);
        try {
            return adopt(directory);
        } catch (IOException e) {
            Files.deleteIfExists(directory.resolve(OWNER));
            Files.deleteIfExists(directory);
            throw e;
        }
    }

    /** Becomes the owner of a directory, unless its owner lives or it is gone. */
    static Optional<Staging> adopt(Path directory) throws IOException {
        Path file = directory.resolve(OWNER);
        Optional<Flock> lock;
        try {
            lock = Flock.tryLock(file);
        } catch (ErrnoException e) {
            if (e.errno() == Errno.ENOENT) {
                return Optional.empty();
            }
            throw e;
        }
        if (lock.isPresent() && !Files.exists(file)) {
            // The last owner removed it while it was opened here.
            lock.get().close();
            return Optional.empty();
        }
        return lock.map(held -> new Staging(directory, held));
    }

    /** Removes a directory unless its owner lives. Absent is fine. */
    static void remove(Path directory) throws IOException {
        if (Files.exists(directory)) {
            Optional<Staging> abandoned = patiently(() -> adopt(directory));
            if (abandoned.isPresent()) {
                abandoned.get().close();
            }
        }
    }

    private static Optional<Staging> patiently(ReflinkStore.Production<Optional<Staging>> attempt) throws IOException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            Optional<Staging> staging = attempt.get();
            if (staging.isPresent() || System.nanoTime() >= deadline) {
                return staging;
            }
            try {
                Thread.sleep(POLL.toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return staging;
            }
        }
    }

    Path directory() {
        return directory;
    }

    /** The directory is to stay when this is closed. */
    void keep() {
        kept = true;
    }

    @Override
    public void close() throws IOException {
        try (owner) {
            if (!kept) {
                deleteTree(directory);
            }
        }
    }

    /** Absent is fine. */
    static void deleteTree(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> walk = Files.walk(directory)) {
            for (Path path : (Iterable<Path>) walk.sorted(Comparator.reverseOrder())::iterator) {
                Files.deleteIfExists(path);
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
