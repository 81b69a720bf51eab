package org.flatsnap.fuseview;

import java.io.IOException;
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

    Responder(LibFuse.Functions fuse) {
        this.fuse = fuse;
    }

    /** Makes an answer without sending it. */
    interface Handler {
        Answer handle() throws IOException;
    }

    /** A finished answer, which fails no more. */
    interface Answer {
        void send(long request);
    }

    /** @param subject names the node for the log; only asked when something has failed */
    void answer(long request, String operation, Supplier<String> subject, Handler handler) {
        Answer answer = error(Errno.EIO);
        try {
            answer = handler.handle();
        } catch (Throwable e) {
            Errno errno = ErrorNumbers.of(e);
            answer = error(errno);
            log(operation, subject, e, errno);
        } finally {
            answer.send(request);
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
        return request -> fuse.fuse_reply_err(request, 0);
    }

    Answer error(Errno errno) {
        return request -> fuse.fuse_reply_err(request, errno.intValue());
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
