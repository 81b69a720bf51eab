package org.flatsnap.view;

import java.time.Instant;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Order;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.query.Moments;

/** Where a snapshot stands in the tree: VM, day and name, below {@value #RETIRED} if it is retired. Safe for use by several threads. */
final class TreePaths {
    static final String RETIRED = ".retired";
    private static final int PAGE = 1000;

    private final Catalog catalog;
    private final Moments moments;
    private final VmLabels labels;
    private final VmLabels retired;

    TreePaths(Catalog catalog, Moments moments) {
        this.catalog = catalog;
        this.moments = moments;
        this.labels = new VmLabels(catalog, catalog::vms, catalog::vm);
        this.retired = new VmLabels(catalog, catalog::retiredVms, catalog::retiredVm);
    }

    VmLabels labels() {
        return labels;
    }

    /** The same of those that have retired snapshots, which are below {@value #RETIRED}. */
    VmLabels retired() {
        return retired;
    }

    Optional<String> label(VmId vm) {
        return labels.of(vm);
    }

    /** The snapshot's directory as seen from the root; empty if its VM is gone meanwhile. */
    Optional<String> of(Snapshot snapshot) {
        String place = "/" + day(snapshot.takenAt()) + "/";
        return isRetired(snapshot)
                ? retired.of(snapshot.vm()).map(label -> RETIRED + "/" + label + place + retiredName(snapshot))
                : label(snapshot.vm()).map(label -> label + place + snapshot.name());
    }

    static boolean isRetired(Snapshot snapshot) {
        return snapshot.labels().retired().isPresent();
    }

    /** A VM's name for a snapshot may have been given again on the same day, to one that is retired by now too. */
    String retiredName(Snapshot snapshot) {
        String name = snapshot.name().value();
        return findRetired(snapshot.vm(), day(snapshot.takenAt()), name)
                .filter(found -> !found.id().equals(snapshot.id()))
                .map(other -> snapshot.id().value())
                .orElse(name);
    }

    /** The retired snapshot that is shown by this name on that day. */
    Optional<Snapshot> findRetired(VmId vm, LocalDate day, String name) {
        Optional<Snapshot> named = named(name).flatMap(wanted -> catalog.named(vm, wanted).stream()
                .filter(snapshot ->
                        isRetired(snapshot) && day(snapshot.takenAt()).equals(day))
                .findFirst());
        if (named.isPresent() || !SnapshotId.looksLikeOne(name)) {
            return named;
        }
        return catalog.find(new SnapshotId(name))
                .filter(snapshot -> isRetired(snapshot)
                        && snapshot.vm().equals(vm)
                        && day(snapshot.takenAt()).equals(day)
                        && retiredName(snapshot).equals(name));
    }

    /** The snapshot of this name of the VM with this label. */
    Optional<Snapshot> find(String label, String name) {
        return labels.find(label).flatMap(vm -> find(vm, name));
    }

    /** The snapshot of exactly this name that is in use. */
    Optional<Snapshot> find(VmId vm, String name) {
        return named(name).flatMap(wanted -> catalog.find(vm, wanted)).filter(snapshot -> !isRetired(snapshot));
    }

    private static Optional<SnapshotName> named(String name) {
        try {
            return Optional.of(new SnapshotName(name))
                    .filter(wanted -> wanted.value().equals(name));
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

    /** What the VM's own directory shows. */
    static SnapshotQuery inUse(VmId vm) {
        return SnapshotQuery.ALL.ofVms(Set.of(vm)).retired(false);
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
