package org.flatsnap.manager;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.model.Description;
import org.flatsnap.model.Problem;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;

/**
 * A manager that takes snapshots itself and keeps a tree of them with its VMs, and asks flatsnap for each disk's. It waits for
 * flatsnap meanwhile: whoever calls this holds no lock of a VM. Every method throws {@link Problem}; all may be used by several
 * threads.
 */
public interface SnapshotKeeper {
    /**
     * One snapshot as the manager knows it.
     *
     * @param name unique within the VM
     * @param parent the one before it in the tree
     * @param takenAt when it was begun, in whole seconds
     * @param description what people say about it there; empty if that cannot be said here
     * @param underWay whether the manager is taking or deleting it, or has failed to
     */
    record Kept(
            SnapshotName name,
            Optional<SnapshotName> parent,
            Instant takenAt,
            Optional<Description> description,
            boolean underWay) {}

    /**
     * The snapshots of a VM.
     *
     * @param busy whether the manager works on the VM, or was kept from ending that
     * @param parent the one that the present state comes from, by being taken or by going back to it
     */
    record Tree(VmId vm, boolean busy, Optional<SnapshotName> parent, Map<SnapshotName, Kept> snapshots) {}

    /** Those of every VM here, as they are now. */
    List<Tree> trees();

    /** Those of one, as they are now; nothing if there is no such VM. */
    Optional<Tree> tree(VmId vm);

    /** Refuses a name that the manager does not take. */
    void refuseName(SnapshotName name);

    /** Takes one of all disks of a VM and waits for it. */
    void take(Vm vm, SnapshotName name, Description description);

    /** Changes what people say about one. */
    void describe(Vm vm, SnapshotName name, Description description);

    /** Deletes one and waits for it; absent is fine. */
    void delete(Vm vm, SnapshotName name);

    /**
     * Puts a VM that is off back to one, and waits for it.
     *
     * @return what the manager said, for people: whether it was done, the disks tell
     */
    String rollBack(Vm vm, SnapshotName name);
}
