package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.util.Arrays;

/**
 * All entries of a directory in the form the kernel reads, {@code struct fuse_dirent} of {@code linux/fuse.h}: inode number
 * (8 bytes), position after this entry (8), length of the name (4), kind (4), name, filled up to 8 bytes. The listing is
 * complete before the first entry is given out, so it is seen whole or not at all.
 *
 * <p>Positions follow from the names, and the order from the positions, as in ext4's hashed directories. So a position
 * stays right in a later listing of a directory that has changed: whatever stays there is seen once, telldir(3) included.
 * Only of names that share 62 bits of hash one could be passed over, if another of these is removed meanwhile.
 */
final class Listing {

    private static final int HEADER = 24;
    private static final int POSITION = 8;
    private static final int ALIGNMENT = 8;
    /** NAME_MAX of {@code linux/limits.h}. */
    private static final int LONGEST_NAME = 255;

    private static final int KEY_BITS = 62;
    /** FNV-1a, and the last step of MurmurHash3, both in the public domain. */
    private static final long FNV_BASIS = 0xCBF29CE484222325L;

    private static final long FNV_PRIME = 0x100000001B3L;
    private static final long MIX = 0xFF51AFD7ED558CCDL;

    private final CharsetEncoder encoder = StandardCharsets.UTF_8.newEncoder();
    private final KnownNode directory;
    private ByteBuffer bytes = ByteBuffer.allocate(512).order(ByteOrder.nativeOrder());
    private int[] starts = new int[8];
    private long[] keys = new long[8];
    private int count;

    private Listing(KnownNode directory) {
        this.directory = directory;
    }

    static Listing of(KnownNode node) throws IOException {
        Listing listing = new Listing(node);
        listing.add(".", Node.Kind.DIRECTORY, node.inode(), 1);
        listing.add("..", Node.Kind.DIRECTORY, node.parentInode(), 2);
        node.directory().forEachEntry(listing::add);
        listing.sort();
        return listing;
    }

    /** Bytes of memory, roughly. */
    long size() {
        return bytes.capacity() + (long) starts.length * Integer.BYTES + (long) keys.length * Long.BYTES;
    }

    /**
     * Gives the entries after {@code position}, 0 for all; nothing at the end.
     *
     * @throws FileSystemException if not even one entry fits: an empty answer would mean the end
     */
    void copy(ByteBuffer target, long position) throws FileSystemException {
        int first = after(position);
        int next = first;
        while (next < count && length(next) <= target.remaining()) {
            target.put(bytes.array(), starts[next], length(next));
            next++;
        }
        if (next == first && first < count) {
            throw new FileSystemException(
                    directory.path(), null, "asked to list into " + target.remaining() + " bytes");
        }
    }

    private int after(long position) {
        int found = Arrays.binarySearch(keys, 0, count, position);
        return found < 0 ? -found - 1 : found + 1;
    }

    private int length(int entry) {
        return padded(bytes.getInt(starts[entry] + 2 * Long.BYTES));
    }

    private static int padded(int nameLength) {
        return (HEADER + nameLength + ALIGNMENT - 1) & -ALIGNMENT;
    }

    private void add(DirectoryEntry entry) {
        add(entry.name(), entry.kind(), entry.inode(), 0);
    }

    private void add(String name, Node.Kind kind, long inode, long key) {
        ByteBuffer encoded = encode(name);
        int length = encoded.remaining();
        makeRoom(padded(length));
        starts[count] = bytes.position();
        keys[count] = key == 0 ? key(encoded) : key;
        count++;
        int following = bytes.position() + padded(length);
        bytes.putLong(inode).putLong(0).putInt(length).putInt(type(kind)).put(encoded);
        bytes.position(following);
    }

    /** Above those of the first two. */
    private static long key(ByteBuffer name) {
        long hash = FNV_BASIS;
        for (int i = name.position(); i < name.limit(); i++) {
            hash = (hash ^ (name.get(i) & 0xFF)) * FNV_PRIME;
        }
        hash = (hash ^ (hash >>> 33)) * MIX;
        return Math.max(3, (hash ^ (hash >>> 33)) >>> (Long.SIZE - KEY_BITS));
    }

    /** In arrays of numbers, because an object for each of a million entries is too much. */
    private void sort() {
        long[] sorted = Arrays.copyOf(keys, count);
        Arrays.sort(sorted);
        int[] order = new int[count];
        Arrays.fill(order, -1);
        for (int i = 0; i < count; i++) {
            int place = Arrays.binarySearch(sorted, keys[i]);
            while (place > 0 && sorted[place - 1] == keys[i]) {
                place--;
            }
            while (order[place] >= 0) {
                place++;
            }
            order[place] = starts[i];
        }
        for (int i = 1; i < count; i++) {
            sorted[i] = Math.max(sorted[i], sorted[i - 1] + 1);
        }
        for (int i = 0; i < count; i++) {
            bytes.putLong(order[i] + POSITION, sorted[i]);
        }
        keys = sorted;
        starts = order;
    }

    private ByteBuffer encode(String name) {
        ByteBuffer encoded;
        try {
            encoded = encoder.encode(CharBuffer.wrap(name));
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("an entry of " + directory + " has no UTF-8 form: '" + name + "'", e);
        }
        if (encoded.remaining() > LONGEST_NAME) {
            throw new IllegalArgumentException(
                    "an entry of " + directory + " is longer than " + LONGEST_NAME + " bytes: '" + name + "'");
        }
        return encoded;
    }

    private void makeRoom(int needed) {
        if (bytes.remaining() < needed) {
            int capacity = Math.addExact(bytes.capacity(), Math.max(bytes.capacity() / 2, needed));
            bytes = ByteBuffer.allocate(capacity).order(ByteOrder.nativeOrder()).put(bytes.flip());
        }
        if (count == starts.length) {
            int more = Math.multiplyExact(count, 2);
            starts = Arrays.copyOf(starts, more);
            keys = Arrays.copyOf(keys, more);
        }
    }

    /** DT_DIR, DT_REG and DT_LNK of {@code dirent.h}. */
    private static int type(Node.Kind kind) {
        return switch (kind) {
            case DIRECTORY -> 4;
            case REGULAR_FILE -> 8;
            case SYMBOLIC_LINK -> 10;
        };
    }
}
