package org.flatsnap.fuseview;

import java.io.IOException;

/** A tree could not be mounted. The message is one line: what failed and why, then what to do. */
public final class MountException extends IOException {

    private static final long serialVersionUID = 1L;

    private final String problem;
    private final String remedy;

    MountException(String problem, String remedy) {
        this(problem, remedy, null);
    }

    MountException(String problem, String remedy, Throwable cause) {
        super(problem + "; " + remedy, cause);
        this.problem = problem;
        this.remedy = remedy;
    }

    /** What failed and why. */
    public String problem() {
        return problem;
    }

    /** What the operator can do about it. */
    public String remedy() {
        return remedy;
    }
}
