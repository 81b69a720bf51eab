package org.flatsnap.catalog;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.mapdb.DataInput2;
import org.mapdb.volume.Volume;

/** MapDB's view of a {@link BlockFile}: bytes at offsets, made durable together by {@link #sync()}. */
final class BlockVolume extends Volume {
    private final BlockFile file;

    BlockVolume(BlockFile file) {
        this.file = file;
    }

    @Override
    public void ensureAvailable(long offset) {
        file.grow(offset);
    }

    @Override
    public void truncate(long size) {
        throw new UnsupportedOperationException("the catalog never shrinks in place");
    }

    @Override
    public void putLong(long offset, long value) {
        put(offset, ByteBuffer.allocate(Long.BYTES).putLong(value));
    }

    @Override
    public void putInt(long offset, int value) {
        put(offset, ByteBuffer.allocate(Integer.BYTES).putInt(value));
    }

    @Override
    public void putByte(long offset, byte value) {
        put(offset, ByteBuffer.allocate(1).put(value));
    }

    @Override
    public void putData(long offset, byte[] source, int from, int size) {
        file.write(offset, source, from, size);
    }

    @Override
    public void putData(long offset, ByteBuffer source) {
        byte[] bytes = new byte[source.remaining()];
        source.get(bytes);
        file.write(offset, bytes, 0, bytes.length);
    }

    private void put(long offset, ByteBuffer value) {
        file.write(offset, value.array(), 0, value.capacity());
    }

    @Override
    public long getLong(long offset) {
        return get(offset, Long.BYTES).getLong();
    }

    @Override
    public int getInt(long offset) {
        return get(offset, Integer.BYTES).getInt();
    }

    @Override
    public byte getByte(long offset) {
        return get(offset, 1).get();
    }

    @Override
    public DataInput2 getDataInput(long offset, int size) {
        return new DataInput2.ByteArray(get(offset, size).array());
    }

    @Override
    public void getData(long offset, byte[] target, int from, int size) {
        file.read(offset, target, from, size);
    }

    private ByteBuffer get(long offset, int size) {
        byte[] bytes = new byte[size];
        file.read(offset, bytes, 0, size);
        return ByteBuffer.wrap(bytes);
    }

    @Override
    public void clear(long start, long end) {
        byte[] zeros = new byte[Block.PAYLOAD];
        for (long offset = start; offset < end; offset += zeros.length) {
            file.write(offset, zeros, 0, (int) Math.min(zeros.length, end - offset));
        }
    }

    @Override
    public void sync() {
        try {
            file.commit();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            try {
                file.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public int sliceSize() {
        return -1;
    }

    @Override
    public boolean isSliced() {
        return false;
    }

    @Override
    public long length() {
        return file.length();
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    @Override
    public File getFile() {
        return null;
    }

    @Override
    public boolean getFileLocked() {
        return true;
    }
}
