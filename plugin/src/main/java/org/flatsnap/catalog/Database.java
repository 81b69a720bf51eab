package org.flatsnap.catalog;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.mapdb.DB;
import org.mapdb.DBException;
import org.mapdb.DBMaker;
import org.mapdb.Serializer;

/**
 * MapDB over a {@link BlockFile}: sorted maps of bytes in one file, and a {@link ChangeLog} beside it.
 *
 * <p>MapDB 3.1.0 writes a log for its transactions but never reads it: a process killed while a commit reaches the file
 * leaves a file that cannot be read any more. It cannot check what it reads in that mode either. The block file gives it
 * both, so MapDB runs here without its own transactions.
 */
final class Database implements Closeable {
    // A checkpoint writes these twice: some ten milliseconds on an SSD.
    private static final int BLOCKS_IN_A_CHECKPOINT = 4096;
    private static final long LOGGED_BYTES = 8 << 20;

    private final BlockFile.Durability durability;
    private final BlockFile file;
    private final ChangeLog log;
    private final DB maps;
    private final List<byte[]> noted = new ArrayList<>();
    private boolean checkpointFailed;

    private Database(BlockFile.Durability durability, BlockFile file, ChangeLog log, DB maps) {
        this.durability = durability;
        this.file = file;
        this.log = log;
        this.maps = maps;
    }

    /**
     * Opens or makes the file.
     *
     * @throws Damage if it is not ours, of another layout, or damaged in a part that is read here
     */
    static Database open(Path path, BlockFile.Durability durability) throws IOException {
        BlockFile file = BlockFile.open(path, durability);
        try {
            ChangeLog log = new ChangeLog(logOf(path), file.identity(), file.sequence());
            try {
                boolean exists = file.length() > 0;
                DB maps = DBMaker.volumeDB(new BlockVolume(file), exists).make();
                return new Database(durability, file, log, maps);
            } catch (DBException | AssertionError | IndexOutOfBoundsException e) {
                log.close();
                throw new Damage("MapDB cannot open it", e);
            }
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    static Path logOf(Path path) {
        return path.resolveSibling(path.getFileName() + ".log");
    }

    /** A map with small values, which stand beside their keys. */
    Table index(String name) {
        return new Table(
                name,
                maps.treeMap(name, Serializer.BYTE_ARRAY_DELTA, Serializer.BYTE_ARRAY)
                        .createOrOpen());
    }

    /** Where values stand by themselves. */
    Heap heap() {
        return new Heap(maps.getStore());
    }

    /** The changes noted since the last checkpoint that a crash left to be made again. */
    List<byte[]> unfinished() throws IOException {
        return log.read();
    }

    /** Has a change, which was made in memory, be durable with the next commit. */
    void note(byte[] change) {
        if (durability == BlockFile.Durability.EACH_COMMIT) {
            noted.add(change);
        }
    }

    /** Whether so much has come together that it should be written to where it belongs. */
    boolean checkpointDue() {
        return checkpointFailed
                || durability == BlockFile.Durability.ON_CLOSE
                || file.changedBlocks() > BLOCKS_IN_A_CHECKPOINT
                || log.length() > LOGGED_BYTES;
    }

    /** Makes durable what was noted. After a failure the next one tries it again. */
    void commit() {
        if (!noted.isEmpty()) {
            try {
                log.append(noted);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            noted.clear();
        }
    }

    /** Makes durable all that was changed, noted or not. After a failure the next one tries it again. */
    void checkpoint() {
        // How far a failed one got is not known, so whether the log still counts is not known either.
        checkpointFailed = true;
        maps.commit();
        checkpointFailed = false;
        noted.clear();
        log.restart(file.sequence());
    }

    /**
     * Checks blocks that were not checked on opening.
     *
     * @return the first one that was not checked; empty if there is none
     * @throws Damage if one is not what was written
     */
    Optional<Long> check(long from, int count) throws IOException {
        return file.check(from, count);
    }

    /** Closes the file as the last commit left it. */
    @Override
    public void close() throws IOException {
        try (log) {
            file.close();
        }
    }

    /** Puts a file, which is open or not, in the place of another one whose log is empty. Atomic. */
    static void move(Path path, Path to) throws IOException {
        // The others first: those of another file count nothing.
        Files.move(logOf(path), logOf(to), StandardCopyOption.ATOMIC_MOVE);
        Files.move(BlockFile.journalOf(path), BlockFile.journalOf(to), StandardCopyOption.ATOMIC_MOVE);
        Files.move(path, to, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Removes the file and what belongs to it. */
    static void delete(Path path) throws IOException {
        Files.deleteIfExists(path);
        Files.deleteIfExists(BlockFile.journalOf(path));
        Files.deleteIfExists(logOf(path));
    }
}
