package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.catalog.CatalogAssertions.assertHoldsExactly;
import static org.flatsnap.catalog.CatalogAssertions.between;
import static org.flatsnap.model.Snapshots.NOON;
import static org.flatsnap.model.Snapshots.WEB01;
import static org.flatsnap.model.Snapshots.tags;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.flatsnap.model.Description;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.VmId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CatalogTest {
    private static final VmId DB01 = new VmId("db01");

    @TempDir
    private Path directory;

    @Test
    void aSnapshotIsFoundByIdByNameAndByTheOperationThatMadeIt() {
        try (Catalog catalog = open()) {
            Snapshot snapshot = Snapshots.sample("before-upgrade");
            catalog.put(snapshot);

            assertThat(catalog.find(snapshot.id())).contains(snapshot);
            assertThat(catalog.find(WEB01, new SnapshotName("before-upgrade"))).contains(snapshot);
            assertThat(catalog.findByOperation(snapshot.operation())).contains(snapshot);

            assertThat(catalog.find(SnapshotId.of(NOON, 0))).isEmpty();
            assertThat(catalog.find(WEB01, new SnapshotName("before"))).isEmpty();
            assertThat(catalog.find(DB01, new SnapshotName("before-upgrade"))).isEmpty();
            assertThat(catalog.findByOperation(OperationId.random())).isEmpty();
        }
    }

    @Test
    void whatWasPutIsThereAfterARestart() {
        Snapshot snapshot = Snapshots.sample("s1");
        try (Catalog catalog = openFilled(snapshot)) {
            assertThat(catalog.needsRebuild()).isFalse();
        }
        try (Catalog catalog = open()) {
            assertThat(catalog.needsRebuild()).isFalse();
            assertHoldsExactly(catalog, List.of(snapshot));
        }
    }

    @Test
    void labelsThatChangeMoveTheSnapshotFromTagToTag() {
        Snapshot snapshot = Snapshots.sample("s1");
        Snapshot relabelled = snapshot.with(new Labels(new Description("keep"), tags("gold", "größe"), true));
        try (Catalog catalog = openFilled(snapshot)) {
            catalog.put(relabelled);

            assertHoldsExactly(catalog, List.of(relabelled));
            assertThat(catalog.query(SnapshotQuery.ALL.tagged(tags("prod"))).snapshots())
                    .isEmpty();
            assertThat(catalog.query(SnapshotQuery.ALL.tagged(tags("gold", "größe")))
                            .snapshots())
                    .containsExactly(relabelled);
            assertThat(catalog.query(SnapshotQuery.ALL.containing("upgrade")).snapshots())
                    .isEmpty();
        }
    }

    @Test
    void whatIsRetiredStandsApartFromWhatTheVmHas() {
        Snapshot old = taken("s1", NOON);
        Snapshot retired = old.with(old.labels().retired(NOON.plusSeconds(2)));
        Snapshot fresh = taken("s1", NOON.minusSeconds(1));
        SnapshotQuery ofVm = SnapshotQuery.ALL.ofVms(Set.of(WEB01));
        try (Catalog catalog = openFilled(old)) {
            catalog.put(retired);

            assertThat(catalog.vms()).isEmpty();
            assertThat(catalog.vm(WEB01)).isEmpty();
            assertThat(catalog.retiredVms())
                    .hasSize(1)
                    .containsExactly(catalog.retiredVm(WEB01).orElseThrow());
            assertThat(catalog.vmIds()).containsExactly(WEB01);
            assertThat(catalog.ids(WEB01)).containsExactly(old.id());
            assertThat(catalog.newest(WEB01)).contains(retired);
            assertThat(catalog.find(WEB01, old.name())).contains(retired);

            // Older, so that time does not decide which comes first.
            catalog.put(fresh);
            assertThat(catalog.newest(WEB01)).contains(fresh);
            assertThat(catalog.find(WEB01, old.name())).contains(fresh);
            assertThat(catalog.named(WEB01, old.name())).containsExactly(fresh, retired);
            assertThat(catalog.vm(WEB01).orElseThrow().snapshots()).isEqualTo(1);
            assertThat(catalog.query(ofVm).snapshots()).containsExactly(retired, fresh);
            assertThat(catalog.query(ofVm.retired(false)).snapshots()).containsExactly(fresh);
            assertThat(catalog.query(ofVm.retired(true)).snapshots()).containsExactly(retired);
        }
        try (Catalog catalog = open()) {
            assertThat(catalog.query(SnapshotQuery.ALL.retired(true)).snapshots())
                    .containsExactly(retired);
            catalog.remove(old.id());
            assertThat(catalog.retiredVms()).isEmpty();
            assertThat(catalog.newest(WEB01)).contains(fresh);
        }
    }

    @Test
    void whatItsManagerHasNotFinishedIsInNoListAndFoundByThoseWhoKnowIt() {
        Snapshot before = taken("s0", NOON);
        Snapshot finished = taken("s1", NOON.plusSeconds(1));
        Snapshot begun = finished.with(finished.labels().underWay(true));
        try (Catalog catalog = openFilled(before)) {
            List<Optional<Snapshot>> told = new ArrayList<>();
            catalog.listen(new CatalogListener() {
                @Override
                public void changed(Optional<Snapshot> old, Optional<Snapshot> present) {
                    told.add(old);
                    told.add(present);
                }

                @Override
                public void replaced() {}

                @Override
                public void damaged() {}
            });
            catalog.put(begun);

            assertThat(catalog.underWay()).containsExactly(begun);
            assertThat(catalog.named(WEB01, begun.name())).containsExactly(begun);
            assertThat(catalog.find(begun.id())).contains(begun);
            assertThat(catalog.find(WEB01, begun.name())).isEmpty();
            assertThat(catalog.newest(WEB01)).contains(before);
            assertThat(catalog.query(SnapshotQuery.ALL).snapshots()).containsExactly(before);
            assertThat(catalog.vm(WEB01).orElseThrow().snapshots()).isEqualTo(1);
            assertThat(told).isEmpty();

            catalog.put(finished);

            assertThat(told).containsExactly(Optional.empty(), Optional.of(finished));
            assertThat(catalog.underWay()).isEmpty();
            assertHoldsExactly(catalog, List.of(before, finished));

            catalog.put(begun);
            catalog.remove(begun.id());

            assertThat(catalog.underWay()).isEmpty();
            assertHoldsExactly(catalog, List.of(before));
        }
    }

    @Test
    void whatIsUnderWayIsThereAfterARestart() {
        Snapshot begun = taken("s1", NOON);
        begun = begun.with(begun.labels().underWay(true));
        try (Catalog catalog = openFilled(begun)) {
            assertThat(catalog.vms()).isEmpty();
        }
        try (Catalog catalog = open()) {
            assertThat(catalog.underWay()).containsExactly(begun);
        }
    }

    @Test
    void aRemovedSnapshotLeavesNoTrace() {
        Snapshot first = taken("s1", NOON);
        Snapshot second = taken("s2", NOON.plusSeconds(1));
        try (Catalog catalog = openFilled(first, second)) {
            catalog.remove(second.id());
            assertHoldsExactly(catalog, List.of(first));

            catalog.remove(second.id());
            assertHoldsExactly(catalog, List.of(first));

            catalog.remove(first.id());
            assertHoldsExactly(catalog, List.of());
        }
    }

    @Test
    void aNameIsFreeAgainOnceItsSnapshotIsGone() {
        Snapshot first = taken("s1", NOON);
        Snapshot second = taken("s1", NOON.plusSeconds(1));
        try (Catalog catalog = openFilled(first)) {
            catalog.put(second);
            catalog.remove(first.id());

            assertHoldsExactly(catalog, List.of(second));
        }
    }

    @Test
    void aVmIsListedUnderTheNameItHadLast() {
        Snapshot before = Snapshots.of(WEB01, "web01", "s1", NOON, Labels.NONE);
        Snapshot after = Snapshots.of(WEB01, "shop", "s2", NOON.plusSeconds(1), Labels.NONE);
        Snapshot other = Snapshots.of(DB01, "db01", "s1", NOON, Labels.NONE);
        try (Catalog catalog = openFilled(after, before, other)) {
            assertThat(catalog.vms()).extracting(entry -> entry.name().value()).containsExactly("shop", "db01");
            assertThat(catalog.query(SnapshotQuery.ALL.ofVmsNamed("sho?")).snapshots())
                    .containsExactly(after, before);

            catalog.remove(after.id());
            assertThat(catalog.vms()).extracting(entry -> entry.name().value()).containsExactly("web01", "db01");
        }
    }

    @Test
    void theViewReadsADayOfOneVmInOrder() {
        Instant midnight = Instant.parse("2026-11-22T00:00:00Z");
        Instant next = midnight.plus(Duration.ofDays(1));
        Snapshot early = taken("early", midnight.minusNanos(1));
        Snapshot first = taken("first", midnight);
        Snapshot last = taken("last", next.minusNanos(1));
        Snapshot late = taken("late", next);
        try (Catalog catalog = openFilled(late, last, early, first)) {
            assertThat(between(catalog, WEB01, midnight, next)).containsExactly(first, last);
            assertThat(between(catalog, WEB01, next, midnight)).isEmpty();
            assertThat(between(catalog, DB01, midnight, next)).isEmpty();
            assertThat(catalog.newest(WEB01)).contains(late);
            assertThat(catalog.newest(DB01)).isEmpty();
        }
    }

    @Test
    void aRetryGetsTheNewestResultEvenAfterARestart() {
        OperationId operation = OperationId.random();
        try (Catalog catalog = open()) {
            catalog.recordOperation(operation, "{\"freed\":1}", NOON);
            catalog.recordOperation(operation, "{\"freed\":2}", NOON.plusSeconds(1));
        }
        try (Catalog catalog = open()) {
            assertThat(catalog.operationResult(operation)).contains("{\"freed\":2}");
            assertThat(catalog.operationResult(OperationId.random())).isEmpty();
        }
    }

    @Test
    void resultsOlderThanSevenDaysAreDropped() {
        OperationId old = OperationId.random();
        OperationId young = OperationId.random();
        try (Catalog catalog = open()) {
            catalog.recordOperation(old, "old", NOON);
            catalog.recordOperation(young, "young", NOON.plusNanos(1));

            catalog.recordOperation(
                    OperationId.random(), "now", NOON.plusNanos(1).plus(Duration.ofDays(7)));

            assertThat(catalog.operationResult(old)).isEmpty();
            assertThat(catalog.operationResult(young)).contains("young");
        }
    }

    @Test
    void theSameCatalogCannotBeOpenedTwice() {
        try (Catalog catalog = open()) {
            assertThatThrownBy(this::open)
                    .isInstanceOfSatisfying(
                            Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.UNAVAILABLE))
                    .hasMessageContaining("another flatsnapd uses it");
            catalog.put(Snapshots.sample("s1"));
        }
        open().close();
    }

    @Test
    void afterClosingACallIsToldSo() {
        Catalog catalog = openFilled(Snapshots.sample("s1"));
        catalog.close();
        catalog.close();

        assertThatThrownBy(catalog::vms).isInstanceOf(Problem.class).hasMessageContaining("stopping");
        assertThatThrownBy(() -> catalog.put(Snapshots.sample("s2")))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("stopping");
    }

    @Test
    void anInterruptedCallerStillKnowsThatItsSnapshotIsIn() {
        Snapshot snapshot = Snapshots.sample("s1");
        try (Catalog catalog = open()) {
            boolean interrupted = CompletableFuture.supplyAsync(
                            () -> {
                                Thread.currentThread().interrupt();
                                catalog.put(snapshot);
                                assertThat(catalog.find(snapshot.id())).contains(snapshot);
                                return Thread.interrupted();
                            },
                            task -> new Thread(task).start())
                    .join();

            assertThat(interrupted).isTrue();
            catalog.put(Snapshots.sample("s2"));
            assertThat(catalog.find(WEB01, new SnapshotName("s2"))).isPresent();
        }
    }

    @Test
    void aDiskThatCannotBeWrittenIsToldInOneLine() throws Exception {
        Path notADirectory = Files.createFile(directory.resolve("file"));

        assertThatThrownBy(() -> Catalog.open(notADirectory.resolve("catalog.db")))
                .isInstanceOfSatisfying(
                        Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.UNAVAILABLE))
                .hasMessageContaining("cannot use the catalog");
    }

    @Test
    void listenersHearOfEachChange() {
        List<String> heard = new ArrayList<>();
        Snapshot snapshot = Snapshots.sample("s1");
        try (Catalog catalog = open()) {
            catalog.listen(new CatalogListener() {
                @Override
                public void changed(Optional<Snapshot> before, Optional<Snapshot> after) {
                    heard.add(before.map(Snapshot::name) + " " + after.map(Snapshot::name) + " "
                            + catalog.find(snapshot.id()).isPresent());
                }

                @Override
                public void replaced() {
                    heard.add("replaced");
                }

                @Override
                public void damaged() {
                    heard.add("damaged");
                }
            });
            catalog.put(snapshot);
            catalog.remove(snapshot.id());
            catalog.remove(snapshot.id());
            catalog.replaceAll(List.of(snapshot).iterator());
        }
        assertThat(heard)
                .containsExactly("Optional.empty Optional[s1] true", "Optional[s1] Optional.empty false", "replaced");
    }

    private static Snapshot taken(String name, Instant at) {
        return Snapshots.of(WEB01, "web01", name, at, Labels.NONE);
    }

    private Catalog open() {
        return Catalog.open(directory.resolve("catalog.db"));
    }

    private Catalog openFilled(Snapshot... snapshots) {
        Catalog catalog = open();
        catalog.replaceAll(List.<Snapshot>of().iterator());
        List.of(snapshots).forEach(catalog::put);
        return catalog;
    }
}
