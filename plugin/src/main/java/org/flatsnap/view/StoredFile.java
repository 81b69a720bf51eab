package org.flatsnap.view;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalInt;
import org.flatsnap.fuseview.Attributes;
import org.flatsnap.fuseview.OpenFile;
import org.flatsnap.fuseview.RegularFile;
import org.flatsnap.model.StoreId;
import org.flatsnap.store.Content;

/** A file of a store, shown under a name and number of its own. */
final class StoredFile implements RegularFile {
    static final String METADATA = "snapshot.json";

    private final long inode;
    private final ViewAccess access;
    private final int permissions;
    private final StoreId store;
    private final boolean replaced;
    private final Origin content;

    /** Where the bytes are to be had. */
    interface Origin {
        Content content() throws IOException;
    }

    private StoredFile(
            long inode, ViewAccess access, int permissions, StoreId store, boolean replaced, Origin content) {
        this.inode = inode;
        this.access = access;
        this.permissions = permissions;
        this.store = store;
        this.replaced = replaced;
        this.content = content;
    }

    /** One whose bytes never change. */
    static StoredFile lasting(long inode, ViewAccess access, int permissions, StoreId store, Origin content) {
        return new StoredFile(inode, access, permissions, store, false, content);
    }

    /** One that is replaced when people say something else about the snapshot. */
    static StoredFile replaced(long inode, ViewAccess access, int permissions, StoreId store, Origin content) {
        return new StoredFile(inode, access, permissions, store, true, content);
    }

    /** Its store, which may hang. */
    @Override
    public Optional<Object> source() {
        return Optional.of(new Source(store));
    }

    private record Source(StoreId store) {
        @Override
        public String toString() {
            return "store " + store;
        }
    }

    @Override
    public boolean isReplaced() {
        return replaced;
    }

    @Override
    public Attributes attributes() throws IOException {
        return attributes(content.content());
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
        Content bytes = content.content();
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
        public OptionalInt descriptor() {
            return OptionalInt.of(reader.descriptor());
        }

        @Override
        public void close() throws IOException {
            reader.close();
        }
    }
}
