package org.flatsnap.store;

/** The right to change something about one VM; closing gives it back. */
public interface VmLock extends AutoCloseable {
    @Override
    void close();
}
