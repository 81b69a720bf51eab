package org.flatsnap.view;

import java.time.Instant;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import java.util.function.Consumer;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Order;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.query.Moments;

/** Where a snapshot stands in the tree: VM, day and name. Safe for use by several threads. */
final class TreePaths {
    private static final int PAGE = 1000;

    private final Catalog catalog;
    private final Moments moments;
    private final VmLabels labels;

    TreePaths(Catalog catalog, Moments moments) {
        this.catalog = catalog;
        this.moments = moments;
        this.labels = new VmLabels(catalog);
    }

    VmLabels labels() {
        return labels;
    }

    Optional<String> label(VmId vm) {
        return labels.of(vm);
    }

    /** The snapshot's directory as seen from the root; empty if its VM is gone meanwhile. */
    Optional<String> of(Snapshot snapshot) {
        return label(snapshot.vm()).map(label -> label + "/" + day(snapshot.takenAt()) + "/" + snapshot.name());
    }

    /** The snapshot of this name of the VM with this label. */
    Optional<Snapshot> find(String label, String name) {
        return labels.find(label).flatMap(vm -> find(vm, name));
    }

    /** The snapshot of exactly this name. */
    Optional<Snapshot> find(VmId vm, String name) {
        try {
            SnapshotName wanted = new SnapshotName(name);
            return wanted.value().equals(name) ? catalog.find(vm, wanted) : Optional.empty();
        } catch (Problem e) {
            if (e.code() == Problem.Code.INVALID) {
                return Optional.empty();
            }
            throw e;
        }
    }

    LocalDate day(Instant moment) {
        return LocalDate.ofInstant(moment, moments.zone());
    }

    Instant start(LocalDate day) {
        return moments.start(day);
    }

    /** The day that is meant by the name of a directory. */
    static Optional<LocalDate> parse(String name) {
        try {
            LocalDate day = LocalDate.parse(name);
            // One spelling only: "+02026-11-22" is a date to the parser too.
            return day.toString().equals(name) ? Optional.of(day) : Optional.empty();
        } catch (DateTimeParseException e) {
            return Optional.empty();
        }
    }

    /** The day that an alias stands for at present. */
    Optional<LocalDate> alias(String name) {
        return switch (name) {
            case "today" -> Optional.of(moments.today());
            case "yesterday" -> Optional.of(moments.today().minusDays(1));
            default -> Optional.empty();
        };
    }

    /** The same query for one day. */
    SnapshotQuery on(LocalDate day, SnapshotQuery query) {
        return query.after(start(day)).before(start(day.plusDays(1)));
    }

    /** Whether there is one on that day. */
    boolean has(LocalDate day, SnapshotQuery query) {
        return !catalog.query(on(day, query).limitedTo(1)).snapshots().isEmpty();
    }

    /** Everything that the query finds, page by page, because it may be very much. */
    void forEachSnapshot(SnapshotQuery query, Consumer<Snapshot> consumer) {
        Optional<SnapshotQuery> next = Optional.of(query.limitedTo(PAGE));
        while (next.isPresent()) {
            Page page = catalog.query(next.get());
            page.snapshots().forEach(consumer);
            next = page.next().map(next.get()::from);
        }
    }

    /** Every day that has one, the first day first; costs one look-up for each, however many snapshots a day has. */
    void forEachDay(SnapshotQuery query, Consumer<LocalDate> consumer) {
        SnapshotQuery first = query.ordered(Order.OLDEST_FIRST).limitedTo(1);
        Optional<LocalDate> next = firstDay(first);
        while (next.isPresent()) {
            consumer.accept(next.get());
            next = firstDay(first.after(start(next.get().plusDays(1))));
        }
    }

    private Optional<LocalDate> firstDay(SnapshotQuery query) {
        return catalog.query(query).snapshots().stream().findFirst().map(snapshot -> day(snapshot.takenAt()));
    }
}
