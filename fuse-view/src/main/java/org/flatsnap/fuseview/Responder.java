package org.flatsnap.fuseview;

import java.io.IOException;
import java.util.Optional;
import java.util.function.Supplier;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers every request exactly once, whatever happens while the answer is made. The only place in which throwables of a
 * tree end: without it libfuse would let a program take a failed read for the end of the file, and a failed listing for an
 * empty directory.
 */
final class Responder {

    private static final Logger LOG = LoggerFactory.getLogger(Responder.class);

    private final LibFuse.Functions fuse;
    private final Device device;
    private final Gates gates;
    private final Deadlines deadlines;

    Responder(LibFuse.Functions fuse, Device device, Gates gates, Deadlines deadlines) {
        this.fuse = fuse;
        this.device = device;
        this.gates = gates;
        this.deadlines = deadlines;
    }

    /** Makes an answer without sending it. */
    interface Handler {
        Answer handle() throws IOException;
    }

    /** A finished answer, which fails no more. */
    interface Answer {
        void send(Request request);
    }

    /** Finds out where an answer is to be had, itself without going there. */
    interface Finder {
        Step find() throws IOException;
    }

    /**
     * What is to be done for a request.
     *
     * @param source what that may have to wait for
     */
    record Step(Optional<Object> source, Handler handler) {
        /** What is to be had here and now. */
        static Step here(Handler handler) {
            return new Step(Optional.empty(), handler);
        }
    }

    /** Answers here, or on another thread of the mount, later. */
    void answer(Request request, Finder finder) {
        deadlines.begin(request);
        Step step;
        try {
            step = finder.find();
        } catch (Throwable e) {
            send(request, failed(request, e));
            return;
        }
        try {
            gates.pass(step.source(), work(request, step));
        } catch (Throwable e) {
            // It may have been answered: a second answer the kernel refuses, libfuse would take for another request's.
            device.fail(request.unique(), Errno.EIO);
            deadlines.end(request);
            log(request.operation(), request.subject(), e, Errno.EIO);
        }
    }

    private Gates.Work work(Request request, Step step) {
        return new Gates.Work() {
            @Override
            public Request request() {
                return request;
            }

            @Override
            public void run() {
                Answer answer = error(Errno.EIO);
                try {
                    answer = step.handler().handle();
                } catch (Throwable e) {
                    answer = failed(request, e);
                } finally {
                    send(request, answer);
                }
            }

            @Override
            public void refuse() {
                send(request, error(Errno.EIO));
            }
        };
    }

    private void send(Request request, Answer answer) {
        try {
            answer.send(request);
        } finally {
            deadlines.end(request);
        }
    }

    /** Does what needs no answer. */
    void finish(String operation, Supplier<String> subject, Finisher finisher) {
        try {
            finisher.finish();
        } catch (Throwable e) {
            log(operation, subject, e, Errno.EIO);
        }
    }

    /** Work after which nobody waits. */
    interface Finisher {
        void finish() throws IOException;
    }

    Answer success() {
        return request -> fuse.fuse_reply_err(request.address(), 0);
    }

    Answer error(Errno errno) {
        return request -> {
            if (request.address() == 0) {
                device.fail(request.unique(), errno);
            } else {
                fuse.fuse_reply_err(request.address(), errno.intValue());
            }
        };
    }

    private Answer failed(Request request, Throwable e) {
        Errno errno = ErrorNumbers.of(e);
        log(request.operation(), request.subject(), e, errno);
        return error(errno);
    }

    private static void log(String operation, Supplier<String> subject, Throwable e, Errno errno) {
        try {
            if (errno == Errno.EIO) {
                LOG.error("{} {} failed, answered {}", operation, subject.get(), errno.name(), e);
            } else {
                LOG.debug("{} {} answered {}: {}", operation, subject.get(), errno.name(), e.toString());
            }
        } catch (Throwable unloggable) {
            // Must not reach libfuse's C code; the thread's own handler is the last that can still tell.
            unloggable.addSuppressed(e);
            Thread thread = Thread.currentThread();
            thread.getUncaughtExceptionHandler().uncaughtException(thread, unloggable);
        }
    }
}
