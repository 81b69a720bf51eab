package org.flatsnap.catalog;

import static java.util.Comparator.comparing;
import static java.util.stream.Collectors.groupingBy;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;

/** What a whole catalog must look like. */
final class CatalogAssertions {
    static final Comparator<Snapshot> BY_TIME = comparing(Snapshot::takenAt).thenComparing(Snapshot::id);

    private CatalogAssertions() {}

    /** All pages of a query. */
    static List<Snapshot> all(Catalog catalog, SnapshotQuery query) {
        List<Snapshot> found = new ArrayList<>();
        Page page = catalog.query(query);
        found.addAll(page.snapshots());
        while (page.next().isPresent()) {
            page = catalog.query(query.from(page.next().get()));
            found.addAll(page.snapshots());
        }
        return found;
    }

    /** A VM's snapshots taken at {@code from} or later and before {@code until}, oldest first. */
    static List<Snapshot> between(Catalog catalog, VmId vm, Instant from, Instant until) {
        return all(
                catalog,
                SnapshotQuery.ALL
                        .ofVms(Set.of(vm))
                        .after(from)
                        .before(until)
                        .ordered(Order.OLDEST_FIRST)
                        .limitedTo(1000));
    }

    /** Every way to find a snapshot must find exactly these. */
    static void assertHoldsExactly(Catalog catalog, Collection<Snapshot> snapshots) {
        List<Snapshot> inOrder = snapshots.stream().sorted(BY_TIME).toList();
        assertThat(all(catalog, SnapshotQuery.ALL.ordered(Order.OLDEST_FIRST).limitedTo(1000)))
                .isEqualTo(inOrder);
        for (Snapshot snapshot : snapshots) {
            assertThat(catalog.find(snapshot.id())).contains(snapshot);
            assertThat(catalog.find(snapshot.vm(), snapshot.name())).contains(snapshot);
            assertThat(catalog.findByOperation(snapshot.operation())).contains(snapshot);
        }
        var byVm = inOrder.stream().collect(groupingBy(Snapshot::vm));
        assertThat(catalog.vms()).hasSize(byVm.size());
        for (VmEntry entry : catalog.vms()) {
            List<Snapshot> ofVm = byVm.get(entry.vm());
            Snapshot newest = ofVm.get(ofVm.size() - 1);
            assertThat(entry)
                    .isEqualTo(new VmEntry(entry.vm(), newest.vmName(), ofVm.size(), newest.id(), newest.takenAt()));
            assertThat(catalog.newest(entry.vm())).isEqualTo(Optional.of(newest));
            assertThat(between(catalog, entry.vm(), Instant.MIN, Instant.MAX)).isEqualTo(ofVm);
        }
        snapshots.stream()
                .flatMap(snapshot -> snapshot.labels().tags().stream())
                .distinct()
                .forEach(tag -> {
                    var tagged = SnapshotQuery.ALL
                            .tagged(new TreeSet<>(List.of(tag)))
                            .ordered(Order.OLDEST_FIRST)
                            .limitedTo(1000);
                    assertThat(all(catalog, tagged))
                            .isEqualTo(inOrder.stream()
                                    .filter(snapshot -> snapshot.labels().tags().contains(tag))
                                    .toList());
                });
    }
}
