package org.flatsnap.engine;

import java.util.List;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * A VM that was made from a snapshot; it is off.
 *
 * @param vm its identity
 * @param name its name
 * @param disks the absolute paths of its disks
 * @param warnings what of the original it lacks
 */
public record CloneResult(VmId vm, VmName name, List<String> disks, List<String> warnings) {
    /** Copies the lists. */
    public CloneResult {
        disks = List.copyOf(disks);
        warnings = List.copyOf(warnings);
    }
}
