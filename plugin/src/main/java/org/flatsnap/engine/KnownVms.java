package org.flatsnap.engine;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * The VMs there are. One that was renamed since its newest snapshot has two names: the one at its manager and the one that
 * lists of snapshots show.
 *
 * @param names of each VM, at least one
 * @param unasked why the manager did not answer; empty if it did
 */
public record KnownVms(Map<VmId, Set<VmName>> names, Optional<Problem> unasked) {
    /** The VMs that people can mean by a name or id, each with all its names. */
    public Map<VmId, Set<VmName>> meantBy(String nameOrId) {
        Map<VmId, Set<VmName>> meant = new TreeMap<>(names);
        meant.entrySet()
                .removeIf(vm -> !vm.getKey().meantBy(nameOrId)
                        && vm.getValue().stream().noneMatch(name -> name.value().equals(nameOrId)));
        return meant;
    }

    /** What to say where a VM is not found: as the engine itself says it. */
    public Problem missing(String nameOrId) {
        return unasked.orElseGet(() -> References.unknownVm(nameOrId));
    }
}
