package org.flatsnap.access;

import static java.util.Objects.requireNonNull;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * Somebody who asks, and what they may do.
 *
 * @param who a user of this host ({@code alice}) or a token ({@code token:ci}); no user's name has a colon
 * @param uid the user's number; empty for a token
 * @param from {@code socket}, or the address the request comes from
 * @param grants what they may do; empty if nothing
 * @param trusted whether this is root or the daemon's own user, who need no leave and are not slowed down
 */
public record Caller(String who, Optional<Integer> uid, String from, List<Grant> grants, boolean trusted) {
    /** What {@link #from} is for the unix socket. */
    public static final String SOCKET = "socket";

    /** Checks that nothing is missing. */
    public Caller {
        requireNonNull(who, "who");
        requireNonNull(uid, "uid");
        requireNonNull(from, "from");
        grants = List.copyOf(grants);
    }

    /** Whether the request came over the unix socket of this host. */
    public boolean local() {
        return from.equals(SOCKET);
    }

    /** The role on every VM, those to come included; empty if there is none. */
    public Optional<Role> everywhere() {
        return highest(Grant::coversAll);
    }

    /** The role on a VM with these names. */
    public Optional<Role> on(VmId vm, Set<VmName> names) {
        return highest(grant -> grant.covers(vm, names));
    }

    /** The role on a VM that is to be made. */
    public Optional<Role> onNew(VmName name) {
        return highest(grant -> grant.covers(name));
    }

    private Optional<Role> highest(Predicate<Grant> wanted) {
        return grants.stream().filter(wanted).map(Grant::role).max(Comparator.naturalOrder());
    }

    /** Whether a role is there and suffices. */
    public static boolean suffices(Optional<Role> role, Role needed) {
        return role.filter(present -> present.includes(needed)).isPresent();
    }
}
