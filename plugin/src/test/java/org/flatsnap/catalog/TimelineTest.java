package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.flatsnap.model.Description;
import org.flatsnap.model.Labels;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;
import org.junit.jupiter.api.Test;

class TimelineTest {
    private final Random random = new Random(4);
    private final Fleet fleet = new Fleet(4, 20);
    private final Timeline timeline = new Timeline();
    private final TreeMap<Stamp, Snapshot> model = new TreeMap<>();

    @Test
    void whateverComesAndGoesInWhateverOrderAWalkGivesWhatASortedMapGives() {
        List<Snapshot> snapshots = fleet.snapshots(8000);
        for (int i = 0; i < snapshots.size(); i++) {
            add(snapshots.get(i));
            if (i % 3 == 0) {
                remove(snapshots.get(random.nextInt(i + 1)));
            }
        }
        assertWalks();
        List<Snapshot> left = new ArrayList<>(model.values());
        Collections.shuffle(left, random);
        left.subList(10, left.size()).forEach(this::remove);
        assertWalks();
        left.forEach(this::remove);
        assertWalks();
        assertThat(timeline.bytes()).isZero();
        add(snapshots.get(0));
        assertWalks();
    }

    @Test
    void rowsThatComeInOrderAreFoundToo() {
        Instant begin = fleet.moment();
        for (int i = 0; i < 5000; i++) {
            add(Snapshots.of(Fleet.vm(1), "db1", "s" + i, begin.plusSeconds(i), Labels.NONE));
        }
        assertWalks();
    }

    @Test
    void aFilterPassesOverOthersAndLeavesOutNoneThatMatches() {
        fleet.snapshots(3000).forEach(this::add);
        Timeline.Filter filter =
                new Timeline.Filter(0, Signature.of("Größe-1"), Signature.of("migr"), Signature.grams("Größe-1"));
        List<Stamp> passed = walk(Bounds.NEWEST_FIRST, filter);
        List<Stamp> matching = model.values().stream()
                .filter(snapshot -> snapshot.name().value().contains("Größe-1"))
                .filter(snapshot -> Signature.folded(
                                snapshot.name() + "\n" + snapshot.labels().description())
                        .contains("migr"))
                .map(Stamp::of)
                .toList();
        assertThat(matching).isNotEmpty();
        assertThat(passed).containsAll(matching).hasSizeLessThan(2 * matching.size());
    }

    @Test
    void whatHardlyAnyRowHasIsFoundAndTheOthersArePassedOver() {
        List<Integer> order = new ArrayList<>(IntStream.range(0, 5000).boxed().toList());
        // Full runs are split then.
        Collections.shuffle(order, random);
        Instant begin = fleet.moment();
        for (int number : order) {
            String words = number == 1234 ? "x".repeat(300) : "CHG" + (100_000 + number);
            add(Snapshots.of(
                    Fleet.vm(1),
                    "db1",
                    "s" + number,
                    begin.plusSeconds(number),
                    Labels.NONE.saying(new Description(words), Labels.NONE.tags(), false)));
        }
        Stamp tooLong = new ArrayList<>(model.keySet()).get(1234);
        for (int number : order.subList(0, 100)) {
            String text = "chg" + (100_000 + number);
            assertThat(containing(text))
                    .contains(new ArrayList<>(model.keySet()).get(number), tooLong)
                    .hasSizeLessThan(100);
        }
        assertThat(containing("no such word")).containsExactly(tooLong);
    }

    private List<Stamp> containing(String text) {
        return walk(Bounds.NEWEST_FIRST, new Timeline.Filter(0, 0, Signature.ofFolded(text), Signature.grams(text)));
    }

    private void add(Snapshot snapshot) {
        if (model.put(Stamp.of(snapshot), snapshot) == null) {
            timeline.add(Row.of(snapshot, 1, 1));
        }
    }

    private void remove(Snapshot snapshot) {
        model.remove(Stamp.of(snapshot));
        timeline.remove(Stamp.of(snapshot));
    }

    private void assertWalks() {
        for (Order order : Order.values()) {
            assertWalk(new Bounds(Optional.empty(), Optional.empty(), Optional.empty(), order));
            for (int i = 0; i < 50; i++) {
                Instant from = fleet.moment();
                Instant until = from.plus(Duration.ofDays(random.nextInt(200) - 10));
                Bounds bounds = new Bounds(Optional.of(from), Optional.of(until), Optional.empty(), order);
                assertWalk(bounds);
                if (!model.isEmpty()) {
                    Stamp past =
                            model.ceilingKey(new Stamp(from, model.firstKey().id()));
                    assertWalk(bounds.past(past == null ? model.lastKey() : past));
                }
            }
        }
    }

    private void assertWalk(Bounds bounds) {
        List<Stamp> expected = new ArrayList<>(model.keySet().stream()
                .filter(stamp -> bounds.from()
                        .map(from -> !stamp.takenAt().isBefore(from))
                        .orElse(true))
                .filter(stamp -> bounds.until().map(stamp.takenAt()::isBefore).orElse(true))
                .filter(stamp -> bounds.past()
                        .map(past -> bounds.order() == Order.OLDEST_FIRST
                                ? stamp.compareTo(past) > 0
                                : stamp.compareTo(past) < 0)
                        .orElse(true))
                .toList());
        if (bounds.order() == Order.NEWEST_FIRST) {
            Collections.reverse(expected);
        }
        assertThat(walk(bounds, Timeline.Filter.ANY)).isEqualTo(expected);
        assertThat(timeline.count(bounds)).isEqualTo(expected.size());
    }

    private List<Stamp> walk(Bounds bounds, Timeline.Filter filter) {
        List<Stamp> walked = new ArrayList<>();
        timeline.walk(bounds, filter).forEachRemaining(row -> walked.add(row.stamp()));
        return walked;
    }
}
