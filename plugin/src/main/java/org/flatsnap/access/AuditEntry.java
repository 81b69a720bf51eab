package org.flatsnap.access;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import java.time.Instant;
import java.util.Optional;

/**
 * One line of the audit log.
 *
 * @param at when it was written
 * @param request tells the requests apart: the two lines of one have the same
 * @param who as {@link Caller#who()} has it; {@code ?} if not even that is known
 * @param uid the user's number; empty for what comes from the network
 * @param from as {@link Caller#from()} has it
 * @param action what was asked for
 * @param vm the VM as the request names it
 * @param vmId the VM's identity, where it is known
 * @param snapshot the snapshot as the request names it, or the name a new one got
 * @param detail what else the request said that matters
 * @param operation the operation id
 * @param result {@link #BEGUN}, {@link #OK}, {@link #INTERRUPTED}, or the code of the problem
 * @param times how often, for refusals that are counted; empty for once
 */
public record AuditEntry(
        Instant at,
        String request,
        String who,
        Optional<Integer> uid,
        String from,
        String action,
        Optional<String> vm,
        Optional<String> vmId,
        Optional<String> snapshot,
        Optional<String> detail,
        Optional<String> operation,
        String result,
        Optional<Integer> times) {
    /** It is about to be done. Written before anything is, so that nothing is done without a line. */
    public static final String BEGUN = "begun";
    /** It was done. */
    public static final String OK = "ok";
    /** The daemon ended before it could write the result. */
    public static final String INTERRUPTED = "interrupted";

    /** Checks that nothing is missing. */
    public AuditEntry {
        requireNonNull(at, "at");
        requireNonNull(request, "request");
        requireNonNull(who, "who");
        requireNonNull(from, "from");
        requireNonNull(action, "action");
        requireNonNull(result, "result");
        // JSON leaves out what is empty.
        uid = requireNonNullElse(uid, Optional.empty());
        vm = requireNonNullElse(vm, Optional.empty());
        vmId = requireNonNullElse(vmId, Optional.empty());
        snapshot = requireNonNullElse(snapshot, Optional.empty());
        detail = requireNonNullElse(detail, Optional.empty());
        operation = requireNonNullElse(operation, Optional.empty());
        times = requireNonNullElse(times, Optional.empty());
    }

    boolean isBegun() {
        return result.equals(BEGUN);
    }

    /** The same, ended so. */
    public AuditEntry ended(Instant when, String how) {
        return new AuditEntry(
                when, request, who, uid, from, action, vm, vmId, snapshot, detail, operation, how, Optional.empty());
    }

    /** The same, with what the request's handler knows. */
    public AuditEntry with(Optional<String> named, Optional<String> more) {
        return new AuditEntry(
                at,
                request,
                who,
                uid,
                from,
                action,
                vm,
                vmId,
                named.or(() -> snapshot),
                more.or(() -> detail),
                operation,
                result,
                times);
    }

    /** The same, about the VM of this identity. */
    public AuditEntry of(Optional<String> identity) {
        return new AuditEntry(
                at, request, who, uid, from, action, vm, identity, snapshot, detail, operation, result, times);
    }

    AuditEntry counted(Instant when, int count) {
        return new AuditEntry(
                when,
                request,
                who,
                uid,
                from,
                action,
                vm,
                vmId,
                snapshot,
                detail,
                operation,
                result,
                Optional.of(count));
    }
}
