package org.flatsnap.access;

import java.time.Instant;
import java.util.Optional;
import org.flatsnap.catalog.Glob;

/**
 * Which lines of the audit log to find. All that is given must hold.
 *
 * @param vm a pattern for the VM's name as the request had it, or its whole id
 * @param who a pattern for who asked
 * @param action exactly this
 * @param after written at this moment or later
 * @param before written earlier than this moment
 * @param limit the most lines on a page, 1 to {@value #MAX_LIMIT}
 * @param cursor what the previous page of the same query gave; empty for the first
 */
public record AuditQuery(
        Optional<Glob> vm,
        Optional<Glob> who,
        Optional<String> action,
        Optional<Instant> after,
        Optional<Instant> before,
        int limit,
        Optional<String> cursor) {
    /** The largest page. */
    public static final int MAX_LIMIT = 1000;

    boolean matches(AuditEntry entry) {
        return !entry.isBegun()
                && vm.stream()
                        .allMatch(glob -> entry.vm().filter(glob).isPresent()
                                || entry.vmId()
                                        .filter(id ->
                                                glob.isLiteral() && glob.text().equals(id))
                                        .isPresent())
                && who.stream().allMatch(glob -> glob.test(entry.who()))
                && action.stream().allMatch(entry.action()::equals)
                && after.stream().noneMatch(entry.at()::isBefore)
                && before.stream().allMatch(entry.at()::isBefore);
    }
}
