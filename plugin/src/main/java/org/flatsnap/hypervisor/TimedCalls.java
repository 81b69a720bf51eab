package org.flatsnap.hypervisor;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;

/**
 * Waits for calls into libvirt, but not for ever. A libvirtd that is there and does nothing holds its callers without limit,
 * and no call can be taken back: each runs on a thread and a connection of its own, and one that takes too long is left to
 * itself. It may still be carried out when libvirtd wakes. Safe for use by several threads.
 *
 * <p>libvirt's own means, virConnectSetKeepAlive, needs its event loop and is answered by libvirtd's main thread: it says
 * nothing of a worker that hangs, nor of a domain whose job never ends.
 */
final class TimedCalls {
    /** Each keeps a thread here and a connection in libvirtd. */
    private static final int MOST_LEFT = 32;

    private final String uri;
    private final ExecutorService threads = Executors.newCachedThreadPool(TimedCalls::daemonThread);
    private final Set<CompletableFuture<?>> left = ConcurrentHashMap.newKeySet();

    TimedCalls(String uri) {
        this.uri = uri;
    }

    private static Thread daemonThread(Runnable task) {
        Thread thread = new Thread(task, "flatsnap-libvirt");
        thread.setDaemon(true);
        return thread;
    }

    /**
     * Makes a call.
     *
     * @param what the failure, should it be one: "cannot list VMs"
     * @throws Problem if it has not been answered in time, with a {@link TimeoutException} as its cause, or at once if too
     *     many have not
     */
    <T> T within(Duration limit, String what, Supplier<T> call) {
        if (left.size() >= MOST_LEFT) {
            throw unanswered(what, "owes answers to " + left.size() + " earlier calls", null);
        }
        CompletableFuture<T> answer = CompletableFuture.supplyAsync(call, threads);
        try {
            return Answer.await(answer, limit);
        } catch (TimeoutException e) {
            left.add(answer);
            answer.whenComplete((result, failure) -> left.remove(answer));
            throw unanswered(what, "has not answered within " + limit.toSeconds() + " s", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) e.getCause();
        }
    }

    private Problem unanswered(String what, String why, Throwable cause) {
        return new Problem(
                Code.UNAVAILABLE,
                what,
                "libvirt at " + uri + " " + why,
                "See whether 'virsh -c " + uri + " list' hangs too; if so, restart it, which guests survive:"
                        + " systemctl restart libvirtd",
                cause);
    }
}
