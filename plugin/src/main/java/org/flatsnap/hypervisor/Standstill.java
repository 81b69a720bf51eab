package org.flatsnap.hypervisor;

import java.util.Set;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;

/** Brings guests to stand still for the moment their disks are cloned. Safe for use by several threads. */
public interface Standstill extends AutoCloseable {
    /**
     * Runs {@code moment} while the guest stands as still as {@code asked}, or as still as it can be made.
     *
     * @param several whether {@code moment} clones more than one disk, so that the guest must not write in between
     * @param strict whether to fail rather than reach less than asked of a running guest
     * @return what was reached
     */
    Quiescence during(Vm vm, Consistency asked, boolean several, boolean strict, Runnable moment);

    /** Begins; first, what a daemon that was killed left frozen or paused is undone. */
    void recover();

    /** VMs that may still stand still, because nobody has confirmed that they go on. */
    Set<VmId> unconfirmed();

    /** Ends it for this process. */
    @Override
    void close();
}
