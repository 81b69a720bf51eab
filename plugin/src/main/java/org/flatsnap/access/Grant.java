package org.flatsnap.access;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Set;
import org.flatsnap.catalog.Glob;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * A role on some VMs.
 *
 * @param role what may be done
 * @param vms patterns for the names of the VMs, or whole ids; never empty, {@link #EVERY} for all
 */
public record Grant(Role role, List<Glob> vms) {
    /** Matches every VM, also one that is not there yet. */
    public static final Glob EVERY = new Glob("*");

    /** Everything. */
    public static final Grant ALL = new Grant(Role.ADMIN, List.of(EVERY));

    /** Checks that nothing is missing. */
    public Grant {
        requireNonNull(role, "role");
        vms = List.copyOf(vms);
        if (vms.isEmpty()) {
            throw new IllegalArgumentException("a grant is for at least one VM");
        }
    }

    boolean coversAll() {
        return vms.contains(EVERY);
    }

    boolean covers(VmName name) {
        return vms.stream().anyMatch(glob -> glob.test(name.value()));
    }

    /** No pattern: one for names such as {@code db*} would match one id in 256 as well. */
    private static boolean isIdOf(Glob glob, VmId id) {
        return glob.isLiteral() && glob.text().equals(id.value());
    }

    /** A VM with two names has to be covered by both, or a new name would not take away what the old one gave. */
    boolean covers(VmId id, Set<VmName> names) {
        return vms.stream().anyMatch(glob -> isIdOf(glob, id)) || names.stream().allMatch(this::covers);
    }
}
