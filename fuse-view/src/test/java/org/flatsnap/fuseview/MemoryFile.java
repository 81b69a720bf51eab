package org.flatsnap.fuseview;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** A file in memory that gives at most a few thousand bytes at a time. */
final class MemoryFile implements RegularFile {

    private static final int MOST_AT_ONCE = 10_000;

    private final byte[] content;
    private final Attributes attributes;

    MemoryFile(String content) {
        this(content.getBytes(StandardCharsets.UTF_8));
    }

    MemoryFile(byte[] content) {
        this(content, 0444);
    }

    MemoryFile(byte[] content, int permissions) {
        this.content = content;
        this.attributes = InodeNumbers.attributes(InodeNumbers.next(), permissions, content.length);
    }

    @Override
    public Attributes attributes() {
        return attributes;
    }

    @Override
    public OpenFile open() {
        return new OpenMemoryFile();
    }

    private final class OpenMemoryFile implements OpenFile {

        @Override
        public Attributes attributes() {
            return attributes;
        }

        @Override
        public int read(ByteBuffer target, long position) {
            if (position >= content.length) {
                return -1;
            }
            int start = (int) position;
            int count = Math.min(Math.min(target.remaining(), MOST_AT_ONCE), content.length - start);
            target.put(content, start, count);
            return count;
        }

        @Override
        public void close() {}
    }
}
