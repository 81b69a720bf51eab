package org.flatsnap.faults;

import com.google.gson.JsonObject;
import java.io.IOException;
import org.flatsnap.testing.DaemonProcess.Answer;

/** One kind of request that changes something, and what must be true of it whatever happened meanwhile. Used by one thread. */
abstract class Deed {
    private static int numbers;

    private final String title;

    Deed(String title) {
        this.title = title;
    }

    /** For people. */
    final String title() {
        return title;
    }

    /** A word that no one has used. */
    static synchronized String fresh(String prefix) {
        numbers++;
        return prefix + numbers;
    }

    /** Brings about what it needs; called before each. */
    abstract void prepare() throws IOException;

    /** Does it; an answer if it was not an error. Done again with the same operation it does no more than once. */
    abstract Answer act(String operation) throws IOException;

    /** The daemon is dead, or said no: it is done or not, and nothing in between. */
    void assertBeforeOrAfter() throws IOException {}

    /** Whatever happened is over, and nobody has asked again: it is done as a whole or not at all. */
    void assertSettled() throws IOException {}

    /** Recovery has been at it, and nobody has asked again: an undo means the last rollback that was done. Leaves all as it was. */
    void assertUndoable() throws IOException {}

    /** Whether it is the start of the daemon. */
    boolean starts() {
        return false;
    }

    /** Whether it can be asked for while a store can only be read: no VM that runs has its disks there. */
    boolean bearsReadOnlyStore() {
        return true;
    }

    /** It has been answered. */
    abstract void assertDone(JsonObject answer) throws IOException;

    /** Takes away what is not needed any more. */
    void clear() throws IOException {}
}
