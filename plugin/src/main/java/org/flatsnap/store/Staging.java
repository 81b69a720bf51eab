package org.flatsnap.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;
import org.flatsnap.linux.Flock;
import org.flatsnap.model.Problem;

/**
 * One operation's unpublished files. The owner holds a flock in the directory, so that recovery, on whichever node, knows
 * the directory of a living owner from one left behind.
 */
final class Staging implements AutoCloseable {
    private static final String OWNER = "owner";

    private final Path directory;
    private final Flock owner;
    private boolean kept;

    private Staging(Path directory, Flock owner) {
        this.directory = directory;
        this.owner = owner;
    }

    /** Makes an empty directory of this name, in place of one that a dead owner left. */
    static Staging create(Path directory) throws IOException {
        if (Files.exists(directory)) {
            Optional<Staging> abandoned = adopt(directory);
            if (abandoned.isEmpty()) {
                throw new Problem(
                        Problem.Code.BUSY,
                        "cannot begin the operation " + directory.getFileName(),
                        "it is under way already",
                        "Wait for it, or ask again with the same operation id to get its result");
            }
            abandoned.get().close();
        }
        Files.createDirectory(directory);
        Optional<Staging> fresh;
        try {
            fresh = adopt(directory);
        } catch (IOException e) {
            Files.deleteIfExists(directory.resolve(OWNER));
            Files.deleteIfExists(directory);
            throw e;
        }
        return fresh.orElseThrow(() -> new IOException(directory + " was taken over by another process"));
    }

    /** Becomes the owner of an existing directory, unless its owner lives. */
    static Optional<Staging> adopt(Path directory) throws IOException {
        return Flock.tryLock(directory.resolve(OWNER)).map(lock -> new Staging(directory, lock));
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
