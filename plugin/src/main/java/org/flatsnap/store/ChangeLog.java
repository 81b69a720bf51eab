package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.flatsnap.linux.Durability;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this host tells the others about its work on a store: a file of its own, to which it appends a {@link ChangeLine} after
 * each change. What is said is only that something changed; what it is now, the store says.
 *
 * <ul>
 *   <li>A host is known to the others by its file, from {@link #announce} on. Where there is no other host, nothing is written:
 *       one that comes looks at everything anyway, after it announced itself.
 *   <li>A file that has grown beyond its limit is replaced by a new one, which readers know by its inode.
 *   <li>A line that cannot be written does not undo what it tells of: the others find it when they next look at everything.
 * </ul>
 *
 * <p>Safe for use by several threads.
 */
final class ChangeLog {
    /** About eight thousand changes. */
    static final long LIMIT = 1 << 20;

    private static final Logger LOG = LoggerFactory.getLogger(ChangeLog.class);
    private static final String FRESH = ".new";

    private final Path file;
    private final long limit;
    private boolean announced;
    private boolean failing;

    /** @param file named like this host, in the directory of all hosts' logs */
    ChangeLog(Path file, long limit) {
        this.file = file;
        this.limit = limit;
    }

    /**
     * Once in the life of a daemon: makes this host known and tells the others that anything may have changed, because the
     * one before may have died between a change and its line. Tried again by the next call if it fails.
     *
     * @return whether this call did it
     */
    synchronized boolean announce() {
        if (announced) {
            return false;
        }
        try {
            Files.createDirectories(file.getParent());
            append(ChangeLine.EVERYTHING);
            Durability.sync(file.getParent());
            announced = true;
        } catch (IOException e) {
            warn("this host", e);
        }
        return announced;
    }

    synchronized boolean announced() {
        return announced;
    }

    /** To be called after the change is durable. */
    synchronized void add(VmId vm, SnapshotId snapshot) {
        try {
            if (!others().isEmpty()) {
                append(ChangeLine.of(vm, snapshot));
            }
        } catch (IOException e) {
            warn("what was done to snapshot " + snapshot + " of VM " + vm, e);
        }
    }

    /** The logs of the other hosts. */
    List<Path> others() throws IOException {
        return Layout.entries(file.getParent()).stream()
                .filter(log -> !log.equals(file) && !log.toString().endsWith(FRESH))
                .toList();
    }

    private void append(ChangeLine line) throws IOException {
        if (Files.exists(file) && Files.size(file) >= limit) {
            Path fresh = file.resolveSibling(file.getFileName() + FRESH);
            Files.write(fresh, new byte[0]);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        }
        Files.writeString(file, line.toString(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        // A host that dies right after a change does not keep the others from learning of it.
        Durability.sync(file);
        failing = false;
    }

    private void warn(String what, IOException e) {
        if (!failing) {
            LOG.warn(
                    "other hosts learn of {} only when they next look at the whole store: {} cannot be written ({})",
                    what,
                    file,
                    e.getMessage());
        }
        failing = true;
    }
}
