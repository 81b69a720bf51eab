package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * A sorted map of the catalog. Each value carries a CRC32C over the map's name, its key and itself, so that a value which is
 * whole but belongs elsewhere is {@link Damage} like one with a flipped bit.
 */
final class Table {
    private final byte[] name;
    private final NavigableMap<byte[], byte[]> map;

    Table(String name, NavigableMap<byte[], byte[]> map) {
        this.name = name.getBytes(StandardCharsets.UTF_8);
        this.map = map;
    }

    Optional<byte[]> get(byte[] key) {
        return Optional.ofNullable(map.get(key)).map(stored -> open(key, stored));
    }

    boolean contains(byte[] key) {
        return get(key).isPresent();
    }

    void put(byte[] key, byte[] value) {
        map.put(key, seal(key, value));
    }

    /** Whether there was none. */
    boolean putIfAbsent(byte[] key, byte[] value) {
        return map.putIfAbsent(key, seal(key, value)) == null;
    }

    void remove(byte[] key) {
        map.remove(key);
    }

    /** Walks all of it, from the lowest key. */
    Iterator<Map.Entry<byte[], byte[]>> walk() {
        return opened(map);
    }

    /** Walks the keys from {@code low} on and below {@code high}. */
    Iterator<Map.Entry<byte[], byte[]>> walk(byte[] low, byte[] high, Order order) {
        if (Arrays.compareUnsigned(low, high) >= 0) {
            return Collections.emptyIterator();
        }
        NavigableMap<byte[], byte[]> range = map.subMap(low, true, high, false);
        return switch (order) {
            case NEWEST_FIRST -> opened(range.descendingMap());
            case OLDEST_FIRST -> opened(range);
        };
    }

    private Iterator<Map.Entry<byte[], byte[]>> opened(NavigableMap<byte[], byte[]> range) {
        Iterator<Map.Entry<byte[], byte[]>> entries = range.entrySet().iterator();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return entries.hasNext();
            }

            @Override
            public Map.Entry<byte[], byte[]> next() {
                Map.Entry<byte[], byte[]> entry = entries.next();
                return Map.entry(entry.getKey(), open(entry.getKey(), entry.getValue()));
            }
        };
    }

    private byte[] seal(byte[] key, byte[] value) {
        return ByteBuffer.allocate(value.length + Integer.BYTES)
                .put(value)
                .putInt(checksum(key, value, value.length))
                .array();
    }

    private byte[] open(byte[] key, byte[] stored) {
        int length = stored.length - Integer.BYTES;
        if (length < 0 || ByteBuffer.wrap(stored).getInt(length) != checksum(key, stored, length)) {
            throw new Damage("a record of '" + new String(name, StandardCharsets.UTF_8) + "' is not what was written");
        }
        return Arrays.copyOf(stored, length);
    }

    private int checksum(byte[] key, byte[] value, int length) {
        CRC32C checksum = new CRC32C();
        checksum.update(name);
        // Without the length, bytes could move from the key to the value.
        checksum.update(ByteBuffer.allocate(Integer.BYTES).putInt(key.length).flip());
        checksum.update(key);
        checksum.update(value, 0, length);
        return (int) checksum.getValue();
    }
}
