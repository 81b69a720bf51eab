package org.flatsnap.hypervisor;

import java.util.Optional;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;

/**
 * Lets guests go on that have stood still for too long, or whose freezing or pausing went wrong. A guest is watched from
 * before it is touched, and has a note in {@link GuestNotes} then. Safe for use by several threads.
 */
public interface Watch extends AutoCloseable {
    /** Begins; first it undoes what the notes tell of. */
    void start();

    /**
     * Waits until somebody watches.
     *
     * @throws Problem if nobody does
     */
    void await();

    /**
     * From its return on the guest is let go on at its deadline.
     *
     * @throws Problem if nobody watches; then the guest must not be touched
     */
    void begin(VmId vm, Kind kind);

    /** The guest goes on for certain, and its note is removed. Does not fail: without a watcher there is nothing to end. */
    void end(VmId vm, Kind kind);

    /**
     * Nobody knows whether the guest goes on, and a freeze or pause may even be carried out late: it is let go on until that
     * is certain, then its note is removed. Does not fail: whoever watches next begins with the notes.
     */
    void takeOver(VmId vm, Kind kind);

    /** Why nobody watches, if so. */
    Optional<Problem> obstacle();

    /** Ends it for this process; guests that may stand still are let go on before it is over, or at the next start. */
    @Override
    void close();
}
