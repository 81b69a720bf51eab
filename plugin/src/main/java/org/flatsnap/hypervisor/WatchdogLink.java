package org.flatsnap.hypervisor;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.flatsnap.hypervisor.Watchdog.Request;
import org.flatsnap.model.Json;

/** The pipes to one {@link Watchdog}: requests in order, each repeated by it. Safe for use by several threads. */
final class WatchdogLink {
    private static final Duration ANSWER = Duration.ofSeconds(5);

    private final BufferedWriter requests;
    private final Deque<Asked> asked = new ArrayDeque<>();
    private boolean broken;

    private record Asked(String line, CompletableFuture<Void> answer) {}

    WatchdogLink(BufferedWriter requests) {
        this.requests = requests;
    }

    /**
     * Returns when the watchdog acts by it.
     *
     * @throws IOException if it does not, or not in time
     */
    void ask(Request request) throws IOException {
        try {
            Answer.await(send(Json.COMPACT.toJson(request)), ANSWER);
        } catch (ExecutionException e) {
            throw new IOException("it ended", e);
        } catch (TimeoutException e) {
            throw new IOException("no answer within " + ANSWER.toSeconds() + " s", e);
        }
    }

    private synchronized CompletableFuture<Void> send(String line) throws IOException {
        if (broken) {
            throw new IOException("it ended");
        }
        CompletableFuture<Void> answer = new CompletableFuture<>();
        asked.add(new Asked(line, answer));
        requests.write(line + "\n");
        requests.flush();
        return answer;
    }

    /** Hears its answers until there is none any more, or a wrong one. */
    void listen(BufferedReader answers) throws IOException {
        try {
            String line = answers.readLine();
            while (line != null && answered(line)) {
                line = answers.readLine();
            }
        } finally {
            fail();
        }
    }

    private synchronized boolean answered(String line) {
        Asked first = asked.poll();
        if (first == null || !first.line.equals(line)) {
            return false;
        }
        return first.answer.complete(null);
    }

    private synchronized void fail() {
        broken = true;
        asked.forEach(waiting -> waiting.answer.completeExceptionally(new IOException("it ended")));
    }

    /** Tells the watchdog that its daemon is gone. */
    synchronized void close() {
        try {
            requests.close();
        } catch (IOException e) {
            // It is gone already.
            broken = true;
        }
    }
}
