package org.flatsnap.linux.zfs;

import java.io.IOException;
import java.util.List;
import java.util.stream.Collectors;

/**
 * ZFS refused. The message says what was asked, why it failed and what to do; the parts can be asked for one by one.
 * Immutable.
 */
public final class ZfsException extends IOException {
    /**
     * One name of a call for several that could not be served.
     *
     * @param name the snapshot; after a release {@code snapshot#tag} if the tag is what is missing
     * @param errno as {@link ZfsException#errno()}
     */
    public record Failure(String name, int errno) {}

    private final String call;
    private final String subject;
    private final int errno;
    private final List<Failure> failures;
    private final String why;
    private final String remedy;

    private ZfsException(
            String call, String subject, int errno, List<Failure> failures, Diagnosis diagnosis, Throwable cause) {
        super(call + " " + subject + ": " + diagnosis.why() + ". " + diagnosis.remedy() + ".", cause);
        this.call = call;
        this.subject = subject;
        this.errno = errno;
        this.failures = List.copyOf(failures);
        this.why = diagnosis.why();
        this.remedy = diagnosis.remedy();
    }

    /** For a call that names one subject. */
    static ZfsException of(ZfsCall call, Object subject, int errno) {
        Diagnosis diagnosis = call.diagnose(errno);
        String why = diagnosis.why() + " (" + ZfsCall.symbol(errno) + ")";
        return of(call.function(), subject, errno, new Diagnosis(why, diagnosis.remedy()));
    }

    /** For a call on several names of which those in {@code failures}, one at least, failed. */
    static ZfsException of(ZfsCall call, Object subject, int errno, List<Failure> failures) {
        String why = failures.stream()
                .map(failure -> failure.name() + ": "
                        + call.diagnose(failure.errno()).why() + " (" + ZfsCall.symbol(failure.errno()) + ")")
                .collect(Collectors.joining("; "));
        String remedy = failures.stream()
                .map(failure -> call.diagnose(failure.errno()).remedy())
                .distinct()
                .collect(Collectors.joining(". "));
        return new ZfsException(call.function(), subject.toString(), errno, failures, new Diagnosis(why, remedy), null);
    }

    /** With words for this one case. */
    static ZfsException of(String call, Object subject, int errno, Diagnosis diagnosis) {
        return new ZfsException(call, subject.toString(), errno, List.of(), diagnosis, null);
    }

    static ZfsException of(String call, Object subject, int errno, Diagnosis diagnosis, Throwable cause) {
        return new ZfsException(call, subject.toString(), errno, List.of(), diagnosis, cause);
    }

    /** The function of libzfs_core, or the program with its subcommand. */
    public String call() {
        return call;
    }

    /** The dataset or snapshot, or the pool for a call on several. */
    public String subject() {
        return subject;
    }

    /**
     * A number of {@link ZfsErrno} or errno.h; of a call on several names, that of one of them. 0 if a program failed with
     * words that stand for no number.
     */
    public int errno() {
        return errno;
    }

    /** Whether the errno is that one. */
    public boolean is(ZfsErrno which) {
        return errno == which.number();
    }

    /** Each name that failed, where a call on several names told; else empty. */
    public List<Failure> failures() {
        return failures;
    }

    /** The reason, without a final stop. */
    public String why() {
        return why;
    }

    /** What to do next, sentences without the last final stop. */
    public String remedy() {
        return remedy;
    }
}
