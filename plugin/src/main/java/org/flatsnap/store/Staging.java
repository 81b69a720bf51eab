package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.flatsnap.linux.Errno;
import org.flatsnap.linux.ErrnoException;
import org.flatsnap.linux.Flock;
import org.flatsnap.model.Problem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One operation's unpublished files. Its owner is who holds the flock on the file {@code owner} in the directory, so that
 * recovery, on whichever node, knows the directory of a living owner from one left behind. Only the owner removes anything, that
 * file last: until then nobody else can become the owner, and whoever does in the moment after it finds an empty directory.
 */
final class Staging implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Staging.class);
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
        try {
            Files.createDirectory(directory);
        } catch (FileAlreadyExistsException e) {
            // Whoever looks for what a dead owner left makes its directory to keep others out.
            return Optional.empty();
        }
        try {
            return adopt(directory);
        } catch (IOException e) {
            removeIfEmpty(directory);
            throw e;
        }
    }

    /** Becomes the owner of a directory, unless its owner lives, or it is gone or a link to what is not flatsnap's. */
    static Optional<Staging> adopt(Path directory) throws IOException {
        if (Files.isSymbolicLink(directory)) {
            LOG.warn("{} is a link, which flatsnap does not make; it stays", directory);
            return Optional.empty();
        }
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
        if (lock.isEmpty()) {
            return Optional.empty();
        }
        boolean owned = false;
        try {
            // The last owner may have removed it while it was opened here, and somebody begun anew under the same name.
            owned = lock.get().stillLocks(file);
        } finally {
            if (!owned) {
                lock.get().close();
            }
        }
        return owned ? Optional.of(new Staging(directory, lock.get())) : Optional.empty();
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
                clear();
            }
        }
    }

    private void clear() throws IOException {
        Path last = directory.resolve(OWNER);
        for (Path entry : Layout.entries(directory)) {
            if (!entry.equals(last)) {
                deleteTree(entry);
            }
        }
        Files.deleteIfExists(last);
        removeIfEmpty(directory);
    }

    private static void removeIfEmpty(Path directory) throws IOException {
        try {
            Files.deleteIfExists(directory);
        } catch (DirectoryNotEmptyException e) {
            LOG.debug("{} has another owner already", directory, e);
        }
    }

    /** Removes a directory with all it holds, or a file. Absent is fine. */
    static void deleteTree(Path tree) throws IOException {
        if (Files.isDirectory(tree, LinkOption.NOFOLLOW_LINKS)) {
            for (Path entry : Layout.entries(tree)) {
                deleteTree(entry);
            }
        }
        Files.deleteIfExists(tree);
    }
}
