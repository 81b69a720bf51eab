package org.flatsnap.model;

import static java.util.Objects.requireNonNull;

/**
 * A failure that a person can act on: what failed, why, and what to do next.
 *
 * <p>The one exception type that crosses package borders. The API renders it as problem+json (RFC 9457), the command line
 * as one line; both use {@link #code()} to choose status and exit code.
 */
public final class Problem extends RuntimeException {
    /** The kind of failure, stable across versions: clients may switch on it. */
    public enum Code {
        /** The request itself is wrong: a bad name, an unknown option, a malformed body. */
        INVALID,
        /** Nothing says who asks, or what says so does not hold. */
        UNAUTHENTICATED,
        /** Who asks may not do this. */
        FORBIDDEN,
        /** Who asks does so too often; trying again later helps. */
        TOO_OFTEN,
        /** The VM, snapshot, disk or operation does not exist, or may not be seen by who asks. */
        NOT_FOUND,
        /** Something of that name is there already. */
        EXISTS,
        /** The state of the VM or snapshot forbids it: running, held, an intent stands. */
        REFUSED,
        /** Somebody else is working on the same VM; trying again later helps. */
        BUSY,
        /** The disk, store or VM cannot do this at all until it is set up differently. */
        UNSUPPORTED,
        /** The store has no room. */
        NO_SPACE,
        /** Storage, libvirt or the daemon cannot be reached or used now. */
        UNAVAILABLE,
        /** What stands on storage is damaged, or a defect of flatsnap itself. */
        INTERNAL
    }

    private final Code code;
    private final String what;
    private final String why;
    private final String remedy;

    /**
     * @param code the kind of failure
     * @param what what failed, a clause without a final stop: "cannot take a snapshot of web01"
     * @param why the cause, a clause without a final stop: "disk vda is qcow2"
     * @param remedy what to do next, a sentence without a final stop
     */
    public Problem(Code code, String what, String why, String remedy) {
        this(code, what, why, remedy, null);
    }

    /** As {@link #Problem(Code, String, String, String)}, keeping the exception that led to it for the log. */
    public Problem(Code code, String what, String why, String remedy, Throwable cause) {
        super(what + ": " + why + ". " + remedy + ".", cause);
        this.code = requireNonNull(code, "code");
        this.what = requireNonNull(what, "what");
        this.why = requireNonNull(why, "why");
        this.remedy = requireNonNull(remedy, "remedy");
    }

    static Problem invalid(String what, String why, String remedy) {
        return new Problem(Code.INVALID, what, why, remedy);
    }

    /** The kind of failure. */
    public Code code() {
        return code;
    }

    /** What failed. */
    public String what() {
        return what;
    }

    /** Why it failed. */
    public String why() {
        return why;
    }

    /** What to do next. */
    public String remedy() {
        return remedy;
    }
}
