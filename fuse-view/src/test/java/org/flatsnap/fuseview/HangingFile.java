package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;

/** A file of one zero on a store that does not answer before it is released. */
record HangingFile(CountDownLatch store, Optional<Object> source, Attributes attributes)
        implements RegularFile, OpenFile {

    HangingFile(CountDownLatch store, Optional<Object> source) {
        this(store, source, InodeNumbers.attributes(InodeNumbers.next(), 0444, 1));
    }

    @Override
    public OpenFile open() {
        return this;
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
        try {
            store.await();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        target.put((byte) 0);
        return 1;
    }

    @Override
    public void close() {}
}
