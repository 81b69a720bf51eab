package org.flatsnap.view;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.Supplier;
import org.flatsnap.fuseview.Attributes;
import org.flatsnap.fuseview.OpenFile;
import org.flatsnap.fuseview.RegularFile;
import org.flatsnap.store.Content;

/** A file of a store, shown under a name and number of its own. */
final class StoredFile implements RegularFile {
    static final String METADATA = "snapshot.json";

    private final long inode;
    private final ViewAccess access;
    private final int permissions;
    private final Supplier<Content> content;

    StoredFile(long inode, ViewAccess access, int permissions, Supplier<Content> content) {
        this.inode = inode;
        this.access = access;
        this.permissions = permissions;
        this.content = content;
    }

    @Override
    public Attributes attributes() throws IOException {
        return attributes(content.get());
    }

    private Attributes attributes(Content bytes) throws IOException {
        Content.Status status = bytes.status();
        return new Attributes(
                inode,
                permissions,
                access.owner(),
                access.group(),
                status.size(),
                status.blocks(),
                status.modified(),
                status.modified());
    }

    @Override
    public OpenFile open() throws IOException {
        Content bytes = content.get();
        Content.Reader reader = bytes.open();
        try {
            // What is published is replaced and never written to, so what is true now stays true for this open file.
            return new Open(reader, attributes(bytes));
        } catch (IOException e) {
            reader.close();
            throw e;
        }
    }

    private record Open(Content.Reader reader, Attributes attributes) implements OpenFile {
        @Override
        public int read(ByteBuffer target, long position) throws IOException {
            return reader.channel().read(target, position);
        }

        @Override
        public void close() throws IOException {
            reader.close();
        }
    }
}
