package org.flatsnap.faults;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.flatsnap.model.SnapshotId;

/**
 * What was asked of one VM and answered, by all clients. All changes together with what was seen through one door have to fit
 * one order; through which door a change is seen first is left open while it is under way. Safe for use by several threads.
 */
final class RaceHistory {
    // Clocks of computers do not differ by more while one is set right.
    private static final long ACCURACY = 5_000_000;

    private static final DateTimeFormatter ID =
            DateTimeFormatter.ofPattern("uuuuMMdd't'HHmmssSSS").withZone(ZoneOffset.UTC);

    private final List<Entry> entries = new ArrayList<>();
    private final long clock = clock();
    private final Set<String> made = new HashSet<>();
    private boolean unknown;

    /**
     * One answer.
     *
     * @param operation the request's id, if it may be repeated with it
     * @param ok whether it was done
     * @param answer the whole answer, by which two are known to be the same
     * @param door where it was seen, if it changes nothing
     * @param calls what it means to the VM
     */
    private record Entry(
            Optional<String> operation,
            boolean ok,
            String answer,
            long from,
            long to,
            RaceDoor door,
            List<RaceCall<RaceModel>> calls) {
        boolean overlaps(Entry other) {
            return from <= other.to && other.from <= to;
        }

        Entry during(long begin, long end) {
            return new Entry(operation, ok, answer, begin, end, door, calls);
        }
    }

    /** By how much the clock that ids are made of is before that of histories, in nanoseconds. */
    private static long clock() {
        return TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()) - System.nanoTime();
    }

    /** The API answered. */
    synchronized void add(
            Optional<String> operation,
            boolean ok,
            String answer,
            long from,
            long to,
            List<RaceCall<RaceModel>> calls) {
        entries.add(new Entry(operation, ok, answer, from, to, RaceDoor.API, calls));
    }

    /** A snapshot was made, maybe told of before. */
    synchronized void made(String id) {
        made.add(id);
    }

    /** The ids of all snapshots that were made. */
    synchronized Set<String> made() {
        return Set.copyOf(made);
    }

    /** Something was seen, or done by a guest. */
    synchronized void add(long from, long to, RaceDoor door, RaceCall<RaceModel> call) {
        entries.add(new Entry(Optional.empty(), true, "", from, to, door, List.of(call)));
    }

    /** A change was answered with what must not be: nobody knows how much of it was done, and so what is right from then on. */
    synchronized void lose() {
        unknown = true;
    }

    /** Whether it tells all that was done. */
    synchronized boolean complete() {
        return !unknown;
    }

    /**
     * What there is to explain, by the door through which it was seen. Requests with one id are one request: it is done once, at the latest when the first of them is
     * told so, and all are told the same. A refusal changes nothing; one that comes while the same request is under way may
     * be that one's. A snapshot's disks show no earlier moment than the one that its id tells, which says a lot: most of the
     * time a take waits for others.
     *
     * @param violations is told what is wrong already
     */
    synchronized Map<RaceDoor, List<RaceEvent<RaceModel>>> events(Consumer<String> violations) {
        Map<String, List<Entry>> byOperation = new LinkedHashMap<>();
        List<Entry> single = new ArrayList<>();
        for (Entry entry : entries) {
            if (entry.operation().isPresent()) {
                byOperation
                        .computeIfAbsent(entry.operation().get(), id -> new ArrayList<>())
                        .add(entry);
            } else {
                single.add(entry);
            }
        }
        byOperation.forEach((operation, group) -> single.addAll(merged(operation, group, violations)));
        single.sort(Comparator.comparingLong(Entry::from));
        Map<RaceDoor, List<RaceEvent<RaceModel>>> events = new EnumMap<>(RaceDoor.class);
        for (RaceDoor door : RaceDoor.values()) {
            events.put(door, new ArrayList<>());
        }
        long ahead = Math.max(clock, clock()) + ACCURACY;
        int number = 0;
        for (Entry entry : single) {
            for (RaceCall<RaceModel> call : entry.calls()) {
                long begun = call.makes()
                        .flatMap(RaceHistory::moment)
                        .map(moment -> Math.min(moment - ahead, entry.to()))
                        .orElse(entry.from());
                RaceEvent<RaceModel> event = new RaceEvent<>(number++, Math.max(begun, entry.from()), entry.to(), call);
                events.forEach((door, seen) -> {
                    if (!call.observes() || door == entry.door()) {
                        seen.add(event);
                    }
                });
            }
        }
        return events;
    }

    private static Optional<Long> moment(String id) {
        return SnapshotId.looksLikeOne(id)
                ? Optional.of(TimeUnit.MILLISECONDS.toNanos(ID.parse(id.substring(0, id.indexOf('-')), Instant::from)
                        .toEpochMilli()))
                : Optional.empty();
    }

    private static List<Entry> merged(String operation, List<Entry> group, Consumer<String> violations) {
        List<Entry> merged = new ArrayList<>();
        List<Entry> done = group.stream().filter(Entry::ok).toList();
        if (!done.isEmpty()) {
            long from = done.stream().mapToLong(Entry::from).min().orElseThrow();
            long to = done.stream().mapToLong(Entry::to).min().orElseThrow();
            merged.add(done.get(0).during(from, to));
            if (done.stream().map(Entry::answer).distinct().count() > 1) {
                violations.accept("operation " + operation + " had different results: "
                        + done.stream().map(Entry::answer).distinct().toList());
            }
        }
        for (Entry refusal : group) {
            if (!refusal.ok()) {
                long from = group.stream()
                        .filter(other -> !other.ok()
                                && other.overlaps(refusal)
                                && other.answer().equals(refusal.answer()))
                        .mapToLong(Entry::from)
                        .min()
                        .orElseThrow();
                merged.add(refusal.during(from, refusal.to()));
            }
        }
        return merged;
    }
}
