package org.flatsnap.store;

/** New files made from a snapshot on one store. Closing removes them again, unless {@link #keep} was called. */
public interface CloneOut extends AutoCloseable {
    /** The new VM is defined: the files are its own. */
    void keep();

    /** It cannot be told whether the new VM was defined: recovery will ask. */
    void leaveToRecovery();

    @Override
    void close();
}
