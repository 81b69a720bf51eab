package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Tells, while a request is under way, what the daemon is doing for it: on a terminal one line that is rewritten each second,
 * elsewhere a line for each step. Short requests stay silent.
 */
final class Watch implements AutoCloseable {
    private static final long FIRST_SECONDS = 2;
    private static final long PATIENCE_MILLIS = 1000;
    private static final String ERASE_LINE = "\r\u001b[K";

    private final DaemonClient client;
    private final UUID operation;
    private final Terminal terminal;
    private final CountDownLatch over = new CountDownLatch(1);
    private final Thread thread = new Thread(this::run, "watch");

    private Watch(DaemonClient client, UUID operation, Terminal terminal) {
        this.client = client;
        this.operation = operation;
        this.terminal = terminal;
    }

    static Watch start(DaemonClient client, UUID operation, Terminal terminal) {
        Watch watch = new Watch(client, operation, terminal);
        watch.thread.setDaemon(true);
        watch.thread.start();
        return watch;
    }

    private void run() {
        String told = "";
        try {
            long seconds = FIRST_SECONDS;
            for (boolean ended = over.await(seconds, TimeUnit.SECONDS);
                    !ended;
                    ended = over.await(1, TimeUnit.SECONDS)) {
                told = tell(told, seconds);
                seconds++;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (terminal.rewriting() && !told.isEmpty()) {
            terminal.err().print(ERASE_LINE);
            terminal.err().flush();
        }
    }

    private String tell(String told, long seconds) {
        String step;
        try {
            JsonObject status = client.get(DaemonClient.path("operations", operation.toString()));
            step = Terminal.safe(status.get("step").getAsString(), false);
        } catch (Failure e) {
            // It is just over, or the request itself is about to fail and tells why.
            return told;
        }
        if (terminal.rewriting()) {
            terminal.err().print(ERASE_LINE + step + " (" + seconds + " s)");
            terminal.err().flush();
        } else if (!step.equals(told)) {
            terminal.err().println(step + " (" + seconds + " s)");
        }
        return step;
    }

    /** Ends it and leaves the line empty. */
    @Override
    public void close() {
        over.countDown();
        try {
            // A question that hangs must not hold back the answer that has come.
            thread.join(PATIENCE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
