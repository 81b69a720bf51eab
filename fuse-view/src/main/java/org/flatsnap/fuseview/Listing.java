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
 * (8 bytes), position of the entry that follows (8), length of the name (4), kind (4), name, filled up to 8 bytes. A
 * position is the number of entries before it. The listing is complete before the first entry is given out, so it is seen
 * whole or not at all.
 */
final class Listing {

    private static final int HEADER = 24;
    private static final int ALIGNMENT = 8;
    /** NAME_MAX of {@code linux/limits.h}. */
    private static final int LONGEST_NAME = 255;

    private final CharsetEncoder encoder = StandardCharsets.UTF_8.newEncoder();
    private final KnownNode directory;
    private ByteBuffer bytes = ByteBuffer.allocate(4096).order(ByteOrder.nativeOrder());
    private int[] starts = new int[64];
    private int count;

    private Listing(KnownNode directory) {
        this.directory = directory;
    }

    static Listing of(KnownNode node) throws IOException {
        Listing listing = new Listing(node);
        listing.add(".", Node.Kind.DIRECTORY, node.inode());
        listing.add("..", Node.Kind.DIRECTORY, node.parentInode());
        node.directory().forEachEntry(listing::add);
        return listing;
    }

    /** @throws FileSystemException if not even one entry fits: an empty answer would mean the end */
    void copy(ByteBuffer target, long position) throws FileSystemException {
        if (position < 0 || position >= count) {
            return;
        }
        int first = (int) position;
        int next = first;
        while (next < count && end(next) - starts[first] <= target.remaining()) {
            next++;
        }
        if (next == first) {
            throw new FileSystemException(
                    directory.path(), null, "asked to list into " + target.remaining() + " bytes");
        }
        target.put(bytes.array(), starts[first], end(next - 1) - starts[first]);
    }

    private int end(int entry) {
        return entry + 1 < count ? starts[entry + 1] : bytes.position();
    }

    private void add(DirectoryEntry entry) {
        add(entry.name(), entry.kind(), entry.inode());
    }

    private void add(String name, Node.Kind kind, long inode) {
        ByteBuffer encoded = encode(name);
        int length = encoded.remaining();
        int padded = Math.addExact(HEADER + length, ALIGNMENT - 1) & -ALIGNMENT;
        makeRoom(padded);
        starts[count] = bytes.position();
        count++;
        int following = bytes.position() + padded;
        bytes.putLong(inode).putLong(count).putInt(length).putInt(type(kind)).put(encoded);
        bytes.position(following);
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
            starts = Arrays.copyOf(starts, Math.multiplyExact(count, 2));
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
