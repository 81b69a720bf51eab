package org.flatsnap.hypervisor;

import java.time.Duration;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;

/** What quiescing asks of a hypervisor. Every method throws {@link Problem} when it fails; all may be used by several threads. */
public interface Guests {
    /** Whether the guest runs now; a VM that is not defined any more is off. */
    VmState state(VmId vm);

    /** Stops the guest's processors; it keeps its disks open. */
    void suspend(VmId vm);

    /** Lets a suspended guest go on. */
    void resume(VmId vm);

    /**
     * Asks the guest agent to flush and freeze the guest's file systems. <b>A freeze that fails here can still take effect
     * later</b>, when a hanging agent wakes: thaw until {@link #frozen} says no.
     *
     * @return how many file systems were frozen
     */
    int freeze(VmId vm, Duration patience);

    /**
     * Thaws the guest's file systems; doing it twice is no error. Refused while the guest is suspended.
     *
     * @return how many file systems were thawed
     */
    int thaw(VmId vm, Duration patience);

    /** Whether the agent says that the guest's file systems are frozen. */
    boolean frozen(VmId vm, Duration patience);
}
