package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.catalog.CatalogAssertions.BY_TIME;
import static org.flatsnap.catalog.CatalogAssertions.all;

import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.flatsnap.model.Description;
import org.flatsnap.model.Labels;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.VmId;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Queries over 20,000 snapshots of 200 VMs, checked against a plain filter. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QueryTest {
    private static final int VMS = 200;

    private final Fleet fleet = new Fleet(42, VMS);
    private final List<Snapshot> snapshots = new ArrayList<>(fleet.snapshots(20_000));
    private Catalog catalog;

    @BeforeAll
    void fill(@TempDir Path directory) {
        catalog = Catalog.open(directory.resolve("catalog.db"));
        for (int i = 0; i < snapshots.size(); i += 7) {
            Snapshot snapshot = snapshots.get(i);
            snapshots.set(i, snapshot.with(snapshot.labels().retired(Snapshots.NOON)));
        }
        catalog.replaceAll(snapshots.iterator());
    }

    @AfterAll
    void close() {
        catalog.close();
    }

    @Test
    void anyQueryFindsWhatAPlainFilterFinds() {
        for (int i = 0; i < 100; i++) {
            SnapshotQuery query = randomQuery();
            List<Snapshot> expected = filter(query);
            int pages = 1 + fleet.below(4);
            SnapshotQuery paged = query.limitedTo(Math.max(1, Math.min(2000, expected.size() / pages + 1)));

            assertThat(all(catalog, paged)).as("%s", query).isEqualTo(expected);
        }
    }

    @Test
    void aPageHoldsAsManyAsAskedForAndTheLastHasNoNext() {
        Page full = catalog.query(SnapshotQuery.ALL.limitedTo(10));
        assertThat(full.snapshots()).hasSize(10);
        assertThat(full.next()).isPresent();

        Page whole = catalog.query(
                SnapshotQuery.ALL.ofVms(Set.of(Fleet.vm(3))).retired(false).limitedTo(SnapshotQuery.MAX_LIMIT));
        assertThat(whole.snapshots()).hasSize((int) catalog.vms().stream()
                .filter(entry -> entry.vm().equals(Fleet.vm(3)))
                .findFirst()
                .orElseThrow()
                .snapshots());
        assertThat(whole.next()).isEmpty();
    }

    @Test
    void aCursorCannotReachBeyondTheTimesAskedFor() {
        var middle = snapshots.get(0).takenAt();
        String late = catalog.query(SnapshotQuery.ALL.limitedTo(1)).next().orElseThrow();

        Page page = catalog.query(SnapshotQuery.ALL.before(middle).from(late));
        assertThat(page.snapshots()).isNotEmpty().allMatch(found -> found.takenAt()
                .isBefore(middle));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "!", "bm90IGEgY3Vyc29y", "////", "é"})
    void aCursorThatNobodyGaveIsRefused(String cursor) {
        assertInvalid(() -> catalog.query(SnapshotQuery.ALL.from(cursor)));
    }

    @Test
    void aCursorOfTheOtherOrderIsRefused() {
        String cursor = catalog.query(SnapshotQuery.ALL.limitedTo(1)).next().orElseThrow();
        assertInvalid(() ->
                catalog.query(SnapshotQuery.ALL.ordered(Order.OLDEST_FIRST).from(cursor)));
    }

    @Test
    void badLimitsAndPatternsAreRefused() {
        assertInvalid(() -> SnapshotQuery.ALL.limitedTo(0));
        assertInvalid(() -> SnapshotQuery.ALL.limitedTo(10_001));
        assertInvalid(() -> catalog.query(SnapshotQuery.ALL.named("[")));
        assertInvalid(() -> catalog.query(SnapshotQuery.ALL.ofVmsNamed("")));
    }

    @Test
    void pagesNeitherRepeatNorLeaveOutWhileOthersComeAndGo(@TempDir Path directory) {
        Fleet other = new Fleet(5, 5);
        List<Snapshot> staying = other.snapshots(500);
        List<Snapshot> going =
                IntStream.range(500, 700).mapToObj(other::snapshot).toList();
        List<Snapshot> coming =
                IntStream.range(700, 900).mapToObj(other::snapshot).toList();
        for (Order order : Order.values()) {
            try (Catalog busy = Catalog.open(directory.resolve(order + ".db"))) {
                busy.replaceAll(Stream.concat(staying.stream(), going.stream()).iterator());
                SnapshotQuery query = SnapshotQuery.ALL.limitedTo(37).ordered(order);
                List<Snapshot> seen = new ArrayList<>();
                Page page = busy.query(query);
                seen.addAll(page.snapshots());
                for (int i = 0; page.next().isPresent(); i += 11) {
                    // The snapshot the cursor stands on goes as well, if it may.
                    Snapshot last = seen.get(seen.size() - 1);
                    if (going.contains(last)) {
                        busy.remove(last.id());
                    }
                    for (int j = i; j < Math.min(i + 11, 200); j++) {
                        busy.remove(going.get(j).id());
                        busy.put(coming.get(j));
                    }
                    page = busy.query(query.from(page.next().get()));
                    seen.addAll(page.snapshots());
                }
                assertThat(seen)
                        .doesNotHaveDuplicates()
                        .containsAll(staying)
                        .isSortedAccordingTo(order == Order.OLDEST_FIRST ? BY_TIME : BY_TIME.reversed());
            }
        }
    }

    @Test
    void aSearchForTextIsNotFooledByCase() {
        Snapshot snapshot = Snapshots.of(
                Fleet.vm(VMS),
                "odd",
                "STRASSE-É",
                fleet.moment(),
                new Labels(new Description("Vor dem Umzug"), Snapshots.tags(), false));
        catalog.put(snapshot);
        SnapshotQuery query = SnapshotQuery.ALL.ofVmsNamed("odd");
        assertThat(catalog.query(query.containing("straße")).snapshots()).containsExactly(snapshot);
        assertThat(catalog.query(query.containing("e\u0301")).snapshots()).containsExactly(snapshot);
        assertThat(catalog.query(query.containing("UMZUG")).snapshots()).containsExactly(snapshot);
        assertThat(catalog.query(query.containing("Anzug")).snapshots()).isEmpty();
        catalog.remove(snapshot.id());
    }

    private SnapshotQuery randomQuery() {
        SnapshotQuery query = SnapshotQuery.ALL.ordered(fleet.pick(List.of(Order.values())));
        switch (fleet.below(5)) {
            case 0 -> {
                Set<VmId> vms = new HashSet<>();
                for (int i = fleet.below(20); i >= 0; i--) {
                    vms.add(Fleet.vm(fleet.below(VMS + 2)));
                }
                query = query.ofVms(vms);
            }
            case 1 -> query = query.ofVmsNamed(fleet.pick(List.of("web*", "*7", "größe1?", "[dw]*1", "nobody*")));
            default -> {}
        }
        if (fleet.below(3) == 0) {
            query = query.named(fleet.pick(List.of("nightly-*", "*Größe*", "移行前-?1*", "s-[0-9][0-9]", "nightly-7")));
        }
        if (fleet.below(3) == 0) {
            query = query.named(fleet.pick(snapshots).name().value());
        }
        if (fleet.below(3) == 0) {
            query = query.after(fleet.moment());
        }
        if (fleet.below(3) == 0) {
            query = query.before(query.after().orElse(fleet.moment()).plus(Duration.ofDays(fleet.below(60) - 3)));
        }
        if (fleet.below(3) == 0) {
            query = query.tagged(fleet.tags());
        }
        if (fleet.below(4) == 0) {
            query = query.containing(fleet.pick(List.of("migration", "ärger", "NIGHTLY", "anna", "nothing")));
        }
        if (fleet.below(3) == 0) {
            query = query.retired(fleet.below(2) == 0);
        }
        return query;
    }

    private List<Snapshot> filter(SnapshotQuery query) {
        Predicate<String> vmName = matching(query.vmName());
        Predicate<String> name = matching(query.name());
        return snapshots.stream()
                .filter(s -> query.vms().isEmpty() || query.vms().contains(s.vm()))
                .filter(s -> query.retired()
                        .map(only -> only == s.labels().retired().isPresent())
                        .orElse(true))
                .filter(s -> vmName.test(s.vmName().value()))
                .filter(s -> name.test(s.name().value()))
                .filter(s ->
                        query.after().map(after -> !s.takenAt().isBefore(after)).orElse(true))
                .filter(s -> query.before().map(s.takenAt()::isBefore).orElse(true))
                .filter(s -> s.labels().tags().containsAll(query.tags()))
                .filter(s -> query.text()
                        .map(text -> (s.name() + "\n" + s.labels().description())
                                .toLowerCase(Locale.ROOT)
                                .contains(text.toLowerCase(Locale.ROOT)))
                        .orElse(true))
                .sorted(query.order() == Order.OLDEST_FIRST ? BY_TIME : BY_TIME.reversed())
                .toList();
    }

    // The JDK's own glob as the model: for these names and patterns it means the same.
    private static Predicate<String> matching(Optional<String> glob) {
        return glob.map(pattern -> FileSystems.getDefault().getPathMatcher("glob:" + pattern))
                .<Predicate<String>>map(matcher -> name -> matcher.matches(Path.of(name)))
                .orElse(name -> true);
    }

    private static void assertInvalid(ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.code())
                .isEqualTo(Problem.Code.INVALID));
    }
}
