package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.mapdb.DBException;
import org.mapdb.Serializer;
import org.mapdb.Store;

/**
 * Values that stand by themselves and are found by the number they got: two reads of the file, where a map takes five. Each
 * carries a CRC32C; whether it is the one that was meant, its reader sees by what it holds.
 */
final class Heap {
    private final Store store;

    Heap(Store store) {
        this.store = store;
    }

    /** Its number. One that was removed may be given to another value. */
    long add(byte[] value) {
        byte[] sealed = ByteBuffer.allocate(value.length + Integer.BYTES)
                .put(value)
                .putInt(checksum(value, value.length))
                .array();
        return store.put(sealed, Serializer.BYTE_ARRAY_NOSIZE);
    }

    /** {@link Damage} if there is none of this number, or not as it was written. */
    byte[] get(long number) {
        byte[] sealed;
        try {
            sealed = store.get(number, Serializer.BYTE_ARRAY_NOSIZE);
        } catch (DBException.GetVoid e) {
            throw new Damage("record " + number + " is missing", e);
        }
        int length = sealed == null ? -1 : sealed.length - Integer.BYTES;
        if (length < 0 || ByteBuffer.wrap(sealed).getInt(length) != checksum(sealed, length)) {
            throw new Damage("record " + number + " is not what was written");
        }
        return Arrays.copyOf(sealed, length);
    }

    void remove(long number) {
        store.delete(number, Serializer.BYTE_ARRAY_NOSIZE);
    }

    private static int checksum(byte[] value, int length) {
        CRC32C checksum = new CRC32C();
        checksum.update(value, 0, length);
        return (int) checksum.getValue();
    }
}
