package org.flatsnap.engine;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.model.Json;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.StoreId;

/**
 * Requests under way and the results of those that succeeded, so that a retry, whether it comes during the first try or after
 * a restart, gets the first result. A failure is not remembered: a retry tries again. Safe for use by several threads.
 */
public final class Operations {
    private final Map<OperationId, Running> running = new ConcurrentHashMap<>();
    private final Catalog catalog;
    private final Stores stores;
    private final Clock clock;

    Operations(Catalog catalog, Stores stores, Clock clock) {
        this.catalog = catalog;
        this.stores = stores;
        this.clock = clock;
    }

    /**
     * What an operation is doing.
     *
     * @param operation the request's id
     * @param vm the VM it is about, as the request names it; empty if it is about none
     * @param what the request, for people: "take snapshot of web01"
     * @param step what it does right now
     * @param since when it began
     */
    public record Status(OperationId operation, Optional<String> vm, String what, String step, Instant since) {}

    private static final class Running {
        private final CompletableFuture<Object> result = new CompletableFuture<>();
        private final Class<?> type;
        private volatile Status status;

        Running(Class<?> type, Status status) {
            this.type = type;
            this.status = status;
        }
    }

    /** Runs {@code work}, or gives the result that the same operation had or is about to have. */
    <T> T run(OperationId id, Optional<String> vm, String what, Class<T> type, Function<Progress, T> work) {
        return run(id, vm, what, type, () -> Optional.empty(), result -> true, work);
    }

    /**
     * The same for work that would do harm a second time, so that stores keep its result too.
     *
     * @param done whether a result that was announced before the last step has come true
     */
    <T> T runOnce(
            OperationId id,
            Optional<String> vm,
            String what,
            Class<T> type,
            Predicate<T> done,
            Function<Progress, T> work) {
        return run(id, vm, what, type, () -> stores.answer(id), done, work);
    }

    private <T> T run(
            OperationId id,
            Optional<String> vm,
            String what,
            Class<T> type,
            Supplier<Optional<String>> kept,
            Predicate<T> done,
            Function<Progress, T> work) {
        Running own = new Running(type, new Status(id, vm, what, "starting", clock.instant()));
        Running first = running.putIfAbsent(id, own);
        if (first != null) {
            if (!first.type.equals(type) || !first.status.what().equals(what)) {
                throw otherRequest(id);
            }
            return type.cast(await(first));
        }
        try {
            Optional<T> earlier = earlier(id, what, type, kept).filter(done);
            T result;
            if (earlier.isPresent()) {
                result = earlier.get();
            } else {
                result = work.apply(step -> own.status = new Status(id, vm, what, step, own.status.since()));
                catalog.recordOperation(id, envelope(Optional.of(what), result), clock.instant());
            }
            own.result.complete(result);
            return result;
        } catch (RuntimeException | Error e) {
            own.result.completeExceptionally(e);
            throw e;
        } finally {
            running.remove(id);
        }
    }

    private static Object await(Running first) {
        try {
            return first.result.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof Problem problem) {
                throw problem;
            }
            throw e;
        }
    }

    private <T> Optional<T> earlier(OperationId id, String what, Class<T> type, Supplier<Optional<String>> kept) {
        return envelope(id, kept).map(envelope -> {
            boolean same = !envelope.has("request")
                    || envelope.get("request").getAsString().equals(what);
            if (!same || !envelope.get("type").getAsString().equals(type.getSimpleName())) {
                throw otherRequest(id);
            }
            return Json.COMPACT.fromJson(envelope.get("result"), type);
        });
    }

    /** The result of an operation that has been done, by whomever. */
    <T> Optional<T> result(OperationId id, Class<T> type) {
        return envelope(id, () -> stores.answer(id))
                .map(envelope -> Json.COMPACT.fromJson(envelope.get("result"), type));
    }

    private Optional<JsonObject> envelope(OperationId id, Supplier<Optional<String>> kept) {
        return catalog.operationResult(id).or(kept).map(text -> JsonParser.parseString(text)
                .getAsJsonObject());
    }

    /** Under this id an operation keeps what it is about to do, whose result nobody can tell before. */
    static OperationId noteOf(OperationId operation) {
        byte[] words = (operation + "/begun").getBytes(StandardCharsets.UTF_8);
        return new OperationId(UUID.nameUUIDFromBytes(words));
    }

    static Problem otherRequest(OperationId id) {
        return new Problem(
                Problem.Code.INVALID,
                "cannot use the operation id " + id,
                "it belongs to another request",
                "Make a new one for each request");
    }

    /** Remembers the result of an operation that is about to be done for good, in the catalog and on a store. */
    void announce(OperationId id, String what, Object result, StoreId store) {
        remember(id, envelope(Optional.of(what), result), store);
    }

    /** Remembers the result of an operation that was finished by one who does not know its words. */
    void finished(OperationId id, Object result, StoreId store) {
        remember(id, envelope(Optional.empty(), result), store);
    }

    private void remember(OperationId id, String envelope, StoreId store) {
        stores.keepAnswer(store, id, envelope);
        catalog.recordOperation(id, envelope, clock.instant());
    }

    private static String envelope(Optional<String> what, Object result) {
        JsonObject envelope = new JsonObject();
        what.ifPresent(words -> envelope.addProperty("request", words));
        envelope.addProperty("type", result.getClass().getSimpleName());
        envelope.add("result", Json.COMPACT.toJsonTree(result));
        return envelope.toString();
    }

    /** What an operation is doing, if it is under way. */
    public Optional<Status> status(OperationId id) {
        return Optional.ofNullable(running.get(id)).map(operation -> operation.status);
    }

    /** Everything under way. */
    public Collection<Status> underWay() {
        return running.values().stream().map(operation -> operation.status).toList();
    }
}
