package org.flatsnap.catalog;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.model.OperationId;

/** What operations answered, kept for {@link #KEPT} so that a retry gets the same answer. */
final class Results {
    static final Duration KEPT = Duration.ofDays(7);

    private static final int TIME_SIZE = Stamp.start(Instant.EPOCH).length;
    private static final int OPERATION_SIZE = 2 * Long.BYTES;

    // operation -> time and answer; time and operation -> nothing
    private final Table byOperation;
    private final Table byTime;

    Results(Database database) {
        this.byOperation = database.index("results");
        this.byTime = database.index("results-by-time");
    }

    Optional<String> find(OperationId operation) {
        return byOperation
                .get(Keys.bytes(operation))
                .map(value -> new String(value, TIME_SIZE, value.length - TIME_SIZE, StandardCharsets.UTF_8));
    }

    /** What is kept of an answer. */
    static byte[] value(String answer, Instant at) {
        return Keys.join(Stamp.start(at), answer.getBytes(StandardCharsets.UTF_8));
    }

    /** Keeps the newest answer of an operation and drops what was answered too long before. */
    void record(OperationId operation, byte[] value) {
        record(Keys.join(Keys.bytes(operation), value));
    }

    /** The same with both in one. */
    void record(byte[] operationAndValue) {
        byte[] operation = Arrays.copyOf(operationAndValue, OPERATION_SIZE);
        byte[] value = Arrays.copyOfRange(operationAndValue, OPERATION_SIZE, operationAndValue.length);
        List<byte[]> old = new ArrayList<>();
        byTime.walk(Keys.ANY, Stamp.start(Stamp.time(value).minus(KEPT)), Order.OLDEST_FIRST)
                .forEachRemaining(result -> old.add(result.getKey()));
        old.forEach(this::drop);
        byOperation.get(operation).ifPresent(before -> drop(Keys.join(Arrays.copyOf(before, TIME_SIZE), operation)));
        add(operation, value);
    }

    /** Walks all of them, in the form that {@link #add(Map.Entry)} takes. */
    Iterator<Map.Entry<byte[], byte[]>> walk() {
        return byOperation.walk();
    }

    /** Adds one of another catalog. */
    void add(Map.Entry<byte[], byte[]> result) {
        add(result.getKey(), result.getValue());
    }

    private void add(byte[] operation, byte[] value) {
        if (byOperation.putIfAbsent(operation, value)) {
            byTime.put(Keys.join(Arrays.copyOf(value, TIME_SIZE), operation), new byte[0]);
        }
    }

    private void drop(byte[] timeAndOperation) {
        byTime.remove(timeAndOperation);
        byOperation.remove(Arrays.copyOfRange(timeAndOperation, TIME_SIZE, timeAndOperation.length));
    }
}
