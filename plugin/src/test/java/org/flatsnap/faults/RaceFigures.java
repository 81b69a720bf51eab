package org.flatsnap.faults;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** What is counted while a race runs. Safe for use by several threads. */
final class RaceFigures {
    private static final int TOLD = 20;

    private final Map<String, AtomicLong> operations = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> refusals = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> slowest = new ConcurrentHashMap<>();
    private final List<String> violations = new ArrayList<>();
    private int violationsInAll;

    void done(String kind, long nanos) {
        count(operations, kind);
        slowest.computeIfAbsent(kind, unused -> new AtomicLong())
                .accumulateAndGet(TimeUnit.NANOSECONDS.toMillis(nanos), Math::max);
    }

    /** An answer that is not the usual one: a refusal by its code, what a program did not find, a torn snapshot. */
    void note(String kind, String code) {
        count(refusals, code + " " + kind);
    }

    private static void count(Map<String, AtomicLong> counts, String key) {
        counts.computeIfAbsent(key, unused -> new AtomicLong()).incrementAndGet();
    }

    /** Something that must not be. */
    synchronized void violation(String what) {
        violationsInAll++;
        if (violations.size() < TOLD) {
            violations.add(what);
            System.err.println("VIOLATION: " + what);
        }
    }

    synchronized int violationsInAll() {
        return violationsInAll;
    }

    synchronized List<String> violations() {
        return List.copyOf(violations);
    }

    SortedMap<String, Long> operations() {
        return plain(operations);
    }

    SortedMap<String, Long> refusals() {
        return plain(refusals);
    }

    SortedMap<String, Long> slowestMillis() {
        return plain(slowest);
    }

    private static SortedMap<String, Long> plain(Map<String, AtomicLong> counts) {
        SortedMap<String, Long> plain = new TreeMap<>();
        counts.forEach((key, count) -> plain.put(key, count.get()));
        return plain;
    }
}
