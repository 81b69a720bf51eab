package org.flatsnap.catalog;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import org.mapdb.DB;
import org.mapdb.DBException;
import org.mapdb.DBMaker;
import org.mapdb.Serializer;

/**
 * MapDB over a {@link BlockFile}: sorted maps of bytes in one file.
 *
 * <p>MapDB 3.1.0 writes a log for its transactions but never reads it: a process killed while a commit reaches the file
 * leaves a file that cannot be read any more. It cannot check what it reads in that mode either. The block file gives it
 * both, so MapDB runs here without its own transactions.
 */
final class Database implements Closeable {
    private final BlockFile file;
    private final DB maps;

    private Database(BlockFile file, DB maps) {
        this.file = file;
        this.maps = maps;
    }

    /**
     * Opens or makes the file. Reads all of it once.
     *
     * @throws Damage if it is not ours, of another layout, or damaged
     */
    static Database open(Path path, BlockFile.Durability durability) throws IOException {
        BlockFile file = BlockFile.open(path, durability);
        try {
            boolean exists = file.length() > 0;
            return new Database(
                    file, DBMaker.volumeDB(new BlockVolume(file), exists).make());
        } catch (DBException | AssertionError | IndexOutOfBoundsException e) {
            file.close();
            throw new Damage("MapDB cannot open it", e);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** A map with small values, which stand beside their keys. */
    Table index(String name) {
        return new Table(
                name,
                maps.treeMap(name, Serializer.BYTE_ARRAY_DELTA, Serializer.BYTE_ARRAY)
                        .createOrOpen());
    }

    /** A map with large values, which stand by themselves. */
    Table records(String name) {
        return new Table(
                name,
                maps.treeMap(name, Serializer.BYTE_ARRAY_DELTA, Serializer.BYTE_ARRAY)
                        .valuesOutsideNodesEnable()
                        .createOrOpen());
    }

    void commit() {
        maps.commit();
    }

    /** Closes the file as the last commit left it. */
    @Override
    public void close() throws IOException {
        file.close();
    }
}
