package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Tag;

/**
 * What the index by time knows about a snapshot, so that a search reads the records of its matches only.
 *
 * <p>As bytes: stamp, number of its record (8), number of its VM (4), number of tags (2) and each tag, name, description;
 * before each text its length (2), -1 for a description that is too long to stand here.
 */
record Row(byte[] bytes) {
    private static final int LONGEST_DESCRIPTION = 255;
    private static final int RECORD_AT = Stamp.SIZE;
    private static final int VM_AT = RECORD_AT + Long.BYTES;
    private static final int TAGS_AT = VM_AT + Integer.BYTES;

    static Row of(Snapshot snapshot, long record, int vm) {
        byte[] name = utf8(snapshot.name().value());
        byte[] description = utf8(snapshot.labels().description().value());
        boolean shortEnough = description.length <= LONGEST_DESCRIPTION;
        int size = TAGS_AT + 3 * Short.BYTES + name.length + (shortEnough ? description.length : 0);
        for (Tag tag : snapshot.labels().tags()) {
            size += Short.BYTES + utf8(tag.value()).length;
        }
        ByteBuffer row = ByteBuffer.allocate(size)
                .put(Stamp.of(snapshot).bytes())
                .putLong(record)
                .putInt(vm)
                .putShort((short) snapshot.labels().tags().size());
        snapshot.labels().tags().forEach(tag -> put(row, utf8(tag.value())));
        put(row, name);
        if (shortEnough) {
            put(row, description);
        } else {
            row.putShort((short) -1);
        }
        return new Row(row.array());
    }

    private static void put(ByteBuffer row, byte[] text) {
        row.putShort((short) text.length).put(text);
    }

    /** The key under which it stands: its stamp. */
    byte[] key() {
        return Arrays.copyOf(bytes, Stamp.SIZE);
    }

    /** What stands under its key. */
    byte[] value() {
        return Arrays.copyOfRange(bytes, Stamp.SIZE, bytes.length);
    }

    static Row of(byte[] key, byte[] value) {
        return new Row(Keys.join(key, value));
    }

    Stamp stamp() {
        return Stamp.at(bytes, 0);
    }

    long record() {
        return ByteBuffer.wrap(bytes).getLong(RECORD_AT);
    }

    int vm() {
        return ByteBuffer.wrap(bytes).getInt(VM_AT);
    }

    /** Whether it has this tag, given in UTF-8. */
    boolean tagged(byte[] tag) {
        int at = TAGS_AT + Short.BYTES;
        for (int left = shortAt(TAGS_AT); left > 0; left--) {
            int length = shortAt(at);
            at += Short.BYTES;
            if (Arrays.equals(bytes, at, at + length, tag, 0, tag.length)) {
                return true;
            }
            at += length;
        }
        return false;
    }

    String name() {
        int at = nameAt();
        return new String(bytes, at + Short.BYTES, shortAt(at), StandardCharsets.UTF_8);
    }

    /** Empty if it is too long to stand here. */
    Optional<String> description() {
        int at = nameAt();
        at += Short.BYTES + shortAt(at);
        return shortAt(at) < 0
                ? Optional.empty()
                : Optional.of(new String(bytes, at + Short.BYTES, shortAt(at), StandardCharsets.UTF_8));
    }

    /** Of its VM and tags, as {@link #signature(int)} and {@link #signature(byte[])} make it. */
    long words() {
        long words = signature(vm());
        int at = TAGS_AT + Short.BYTES;
        for (int left = shortAt(TAGS_AT); left > 0; left--) {
            int length = shortAt(at);
            at += Short.BYTES;
            words |= signature(Arrays.copyOfRange(bytes, at, at + length));
            at += length;
        }
        return words;
    }

    static long signature(int vm) {
        return Signature.ofWord(vm);
    }

    static long signature(byte[] tag) {
        return Signature.ofWord(Arrays.hashCode(tag));
    }

    private int nameAt() {
        int at = TAGS_AT + Short.BYTES;
        for (int left = shortAt(TAGS_AT); left > 0; left--) {
            at += Short.BYTES + shortAt(at);
        }
        return at;
    }

    private int shortAt(int at) {
        return (short) (bytes[at] << Byte.SIZE | bytes[at + 1] & 0xFF);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
