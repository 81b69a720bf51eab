package org.flatsnap.catalog;

import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * The redo log of one commit: every block it changes, written and synced before the first of them is changed in place.
 *
 * <p>Format: {@link Superblock} after the commit, number of blocks (int), then per block its number (long) and its bytes,
 * and at the end a CRC32C over all that. Each commit overwrites the last from the start.
 */
final class Journal implements Closeable {
    // Beyond this the room goes back to the file system once the commit is done.
    private static final long KEPT_BYTES = 4 << 20;

    /** One commit that is whole in the journal. */
    record Commit(Superblock superblock, List<Block> blocks) {}

    // Not a FileChannel: an interrupted thread would close that for everybody.
    private final RandomAccessFile file;

    Journal(Path path) throws IOException {
        this.file = new RandomAccessFile(path.toFile(), "rw");
    }

    /** The commit it holds for the file of this identity, if it is whole. */
    Optional<Commit> read(UUID identity) throws IOException {
        if (file.length() < Superblock.SIZE + 2 * Integer.BYTES || file.length() > Integer.MAX_VALUE - 8) {
            return Optional.empty();
        }
        byte[] bytes = new byte[(int) file.length()];
        file.seek(0);
        file.readFully(bytes);
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        byte[] head = new byte[Superblock.SIZE];
        buffer.get(head);
        Optional<Superblock> superblock =
                Superblock.parse(head).filter(found -> found.identity().equals(identity));
        int count = buffer.getInt();
        long length = Superblock.SIZE + Integer.BYTES + (long) count * (Long.BYTES + Block.SIZE);
        if (superblock.isEmpty() || count < 0 || length + Integer.BYTES > bytes.length) {
            return Optional.empty();
        }
        if (checksum(bytes, (int) length) != buffer.getInt((int) length)) {
            return Optional.empty();
        }
        List<Block> blocks = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            long number = buffer.getLong();
            blocks.add(Block.parse(identity, number, bytes, buffer.position()));
            buffer.position(buffer.position() + Block.SIZE);
        }
        return Optional.of(new Commit(superblock.get(), blocks));
    }

    /** Durable on return. */
    void write(Superblock superblock, Collection<Block> blocks) throws IOException {
        int length = Superblock.SIZE + Integer.BYTES + blocks.size() * (Long.BYTES + Block.SIZE);
        ByteBuffer buffer = ByteBuffer.allocate(length + Integer.BYTES)
                .put(superblock.bytes())
                .putInt(blocks.size());
        for (Block block : blocks) {
            buffer.putLong(block.number()).put(block.bytes(superblock.identity()));
        }
        buffer.putInt(checksum(buffer.array(), length));
        file.seek(0);
        file.write(buffer.array());
        file.getFD().sync();
    }

    /** Called once the commit is durable in place. */
    void trim() throws IOException {
        if (file.length() > KEPT_BYTES) {
            file.setLength(0);
        }
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private static int checksum(byte[] bytes, int length) {
        CRC32C checksum = new CRC32C();
        checksum.update(bytes, 0, length);
        return (int) checksum.getValue();
    }
}
