package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import java.util.stream.IntStream;
import org.flatsnap.faults.RaceModel.Change;
import org.flatsnap.faults.RaceModel.Filter;
import org.flatsnap.faults.RaceModel.Seen;
import org.flatsnap.model.SnapshotId;
import org.junit.jupiter.api.Test;

/**
 * Histories that could be and histories that could not. A picture of each, time going to the right:
 *
 * <pre>
 * |--take s1--|      |--list: s1--|
 *      |--list: nothing--|
 * </pre>
 */
class RaceCheckerTest {
    private static final RaceModel START = RaceModel.with(
            Map.of("vda", "w0"),
            IntStream.range(1, 30).mapToObj(RaceCheckerTest::id).toList());

    private final List<RaceEvent<RaceModel>> history = new ArrayList<>();

    private void during(long from, long to, RaceCall<RaceModel> call) {
        history.add(new RaceEvent<>(history.size(), from, to, call));
    }

    private void during(long from, long to, List<RaceCall<RaceModel>> calls) {
        calls.forEach(call -> during(from, to, call));
    }

    private void assertExplained() {
        assertThat(RaceChecker.check(START, history)).isEmpty();
    }

    private void assertImpossible(String because) {
        assertThat(RaceChecker.check(START, history))
                .hasValueSatisfying(
                        why -> assertThat(why).startsWith("no order explains").contains(because));
    }

    private static String id(int number) {
        return "id%02d".formatted(number);
    }

    private static Seen seen(int number, String... tags) {
        return new Seen(id(number), "s" + number, "", new TreeSet<>(List.of(tags)), false, false);
    }

    private static Seen guard(int number) {
        return new Seen(id(number), "guard-" + number, "", new TreeSet<>(), false, true);
    }

    private static List<RaceCall<RaceModel>> take(int number) {
        return RaceModel.took(seen(number), Set.of(), false);
    }

    private static RaceCall<RaceModel> list(Seen... newestFirst) {
        return RaceModel.listed(Filter.ALL, List.of(newestFirst), false);
    }

    private static RaceCall<RaceModel> tag(String tag, Seen after) {
        return RaceModel.changed(
                after.name(), new Change(Set.of(tag), Set.of(), Optional.empty(), Optional.empty()), after);
    }

    private static RaceCall<RaceModel> hold(Seen after) {
        return RaceModel.changed(
                after.name(), new Change(Set.of(), Set.of(), Optional.empty(), Optional.of(true)), after);
    }

    private static Seen held(Seen seen) {
        return new Seen(seen.id(), seen.name(), seen.description(), seen.tags(), true, seen.guard());
    }

    // |--take s1--|      |--list: s1--|
    //      |--list: nothing--|
    @Test
    void aListingMaySeeWhatIsUnderWayOrNot() {
        during(0, 10, take(1));
        during(5, 15, list());
        during(16, 20, list(seen(1)));
        assertExplained();
    }

    // |--take s1--|  |--list: nothing--|
    @Test
    void aStaleListingIsImpossible() {
        during(0, 10, take(1));
        during(11, 15, list());
        assertImpossible("list");
    }

    // |--------------take s1---------------|
    //    |--list: s1--|  |--list: nothing--|
    @Test
    void whatWasSeenDoesNotGoAwayAgain() {
        during(0, 40, take(1));
        during(5, 10, list(seen(1)));
        during(15, 20, list());
        assertImpossible("list");
    }

    // |--take s1--|  |--add t1: t1--|
    //                |--add t2: t2--|
    @Test
    void oneOfTwoTagsLostIsImpossible() {
        during(0, 10, take(1));
        during(11, 20, tag("t1", seen(1, "t1")));
        during(11, 20, tag("t2", seen(1, "t2")));
        assertImpossible("change s1");
    }

    // |--take s1--|  |--add t1: t1--|
    //                |--add t2: t1 t2--|  |--show: t1--|
    @Test
    void aTagLostLaterIsImpossible() {
        during(0, 10, take(1));
        during(11, 20, tag("t1", seen(1, "t1")));
        during(11, 22, tag("t2", seen(1, "t1", "t2")));
        assertExplained();
        during(23, 30, RaceModel.shown("s1", seen(1, "t1")));
        assertImpossible("show s1");
    }

    // |--take s1 as id1--|
    // |--take s1 as id2--|
    @Test
    void twoSnapshotsOfOneNameAreImpossible() {
        Seen other = new Seen(id(2), "s1", "", new TreeSet<>(), false, false);
        during(0, 10, take(1));
        during(0, 10, RaceModel.took(other, Set.of(), false));
        assertImpossible("take");
    }

    // |--take s2 as id2--|  |--take s1 as id1--|
    @Test
    void aNewSnapshotThatIsNotTheNewestIsImpossible() {
        during(0, 10, take(2));
        during(11, 20, take(1));
        assertImpossible("take");
    }

    // |--take s1--|  |--hold s1--|
    //                |--delete s1--|
    @Test
    void heldAndDeletedAreImpossibleBothButEitherIsPossible() {
        during(0, 10, take(1));
        during(11, 20, hold(held(seen(1))));
        during(11, 20, RaceModel.held("s1"));
        assertExplained();
        during(11, 21, RaceModel.deleted("s1", seen(1)));
        assertImpossible("s1");
    }

    // |--take s1--|  |--delete s1--|
    //                |--delete s1--|
    @Test
    void deletedTwiceIsImpossible() {
        during(0, 10, take(1));
        during(11, 20, RaceModel.deleted("s1", seen(1)));
        during(11, 20, RaceModel.unknown("delete", "s1"));
        assertExplained();
        during(11, 20, RaceModel.deleted("s1", seen(1)));
        assertImpossible("delete s1");
    }

    // |--write w1--|  |--take s1--|  |--copy s1: w0--|
    @Test
    void aSnapshotOfAnEarlierMomentIsImpossible() {
        during(0, 10, RaceModel.wrote("w1"));
        during(11, 20, take(1));
        during(21, 30, RaceModel.copied("s1", "vda", "w1"));
        assertExplained();
        during(21, 30, RaceModel.copied("s1", "vda", "w0"));
        assertImpossible("copy s1");
    }

    // |---------------------------take s1---------------------------|  |--copy s1: w0--|
    //    |--write w1--|  |--list: nothing--|
    @Test
    void aGuestMayWriteBetweenTheMomentOfASnapshotAndItsAppearance() {
        during(0, 40, take(1));
        during(5, 10, RaceModel.wrote("w1"));
        during(15, 20, list());
        during(41, 50, RaceModel.copied("s1", "vda", "w0"));
        assertExplained();
    }

    // |--take s1--|  |--write w1--|  |--roll back to s1: guard 2--|
    //                                                |--undo: to 2, guard 3--|  then |--live: w1--|
    //                                                |--undo: to 2, guard 4--|
    @Test
    void twoUndosOfOneGuardAreImpossible() {
        during(0, 10, take(1));
        during(11, 20, RaceModel.wrote("w1"));
        during(21, 30, RaceModel.rolledBack("s1", Set.of(), id(1), () -> guard(2)));
        during(31, 40, RaceModel.undone(id(2), () -> guard(3)));
        during(41, 42, RaceModel.live(Map.of("vda", "w1")));
        assertExplained();
        during(31, 40, RaceModel.undone(id(2), () -> guard(4)));
        assertImpossible("undo");
    }

    // |--take s1--|  |--write w1--|  |--roll back to s1--|  |--live: w1--|
    @Test
    void aRollbackThatWasForgottenIsImpossible() {
        during(0, 10, take(1));
        during(11, 20, RaceModel.wrote("w1"));
        during(21, 30, RaceModel.rolledBack("latest", Set.of(), id(1), () -> guard(2)));
        during(25, 35, RaceModel.live(Map.of("vda", "w1")));
        assertExplained();
        during(36, 40, RaceModel.live(Map.of("vda", "w1")));
        assertImpossible("live");
    }

    // |--take s1--|  |--roll back to s1: guard 2--|  |--undo: no guard--|
    //                   |--list: s1, 2--|  |--undo: no guard--|
    @Test
    void aGuardIsThereBeforeItsRollbackCanBeUndone() {
        during(0, 10, take(1));
        during(21, 30, RaceModel.rolledBack("s1", Set.of(), id(1), () -> guard(2)));
        during(22, 24, RaceModel.listed(Filter.ALL, List.of(guard(2), seen(1)), false));
        during(25, 28, RaceModel.noGuard());
        assertExplained();
        during(31, 40, RaceModel.noGuard());
        assertImpossible("undo");
    }

    // |--take s1--|  |--take s2--|  |--page of one: s2 and more--|  |--page behind s2: nothing--|
    @Test
    void aPageThatLeavesOutIsImpossible() {
        Filter one = new Filter(Optional.empty(), Optional.empty(), false, Optional.empty(), 1);
        during(0, 10, take(1));
        during(11, 20, take(2));
        during(21, 30, RaceModel.listed(one, List.of(seen(2)), true));
        Filter behind = new Filter(Optional.empty(), Optional.empty(), false, Optional.of(id(2)), 1);
        during(31, 40, RaceModel.listed(behind, List.of(seen(1)), false));
        assertExplained();
        during(31, 40, RaceModel.listed(behind, List.of(), false));
        assertImpossible("list");
    }

    @Test
    void manyAtOnceAreStillDecided() {
        for (int i = 1; i < 25; i++) {
            during(0, 100 + i, take(i));
        }
        during(200, 210, list());
        assertImpossible("list");
    }

    // The same request twice at once, and again later: done once.
    @Test
    void oneOperationIsDoneOnceHoweverOftenItIsAskedFor() {
        RaceHistory asked = new RaceHistory();
        List<String> violations = new ArrayList<>();
        for (long from : new long[] {0, 5, 50}) {
            asked.add(Optional.of("operation"), true, "s1", from, from + 10, take(1));
        }
        asked.add(30, 40, RaceDoor.API, RaceModel.deleted("s1", seen(1)));
        assertThat(RaceChecker.check(START, asked.events(violations::add).get(RaceDoor.API)))
                .isEmpty();
        assertThat(violations).isEmpty();

        asked.add(Optional.of("operation"), true, "s2", 60, 70, take(2));
        asked.events(violations::add);
        assertThat(violations).singleElement().asString().contains("different results");
    }

    // |--delete s1: unknown--|  |--take s1--|  then the first one's twin ends, with its answer
    @Test
    void aTwinMayGetTheRefusalOfTheOneItJoined() {
        List<RaceCall<RaceModel>> gone = List.of(RaceModel.unknown("delete", "s1"));
        RaceHistory asked = new RaceHistory();
        asked.add(Optional.of("operation"), false, "unknown", 0, 10, gone);
        asked.add(Optional.empty(), true, "s1", 1, 4, take(1));
        asked.add(Optional.of("operation"), false, "unknown", 6, 12, gone);
        assertThat(RaceChecker.check(START, asked.events(why -> {}).get(RaceDoor.API)))
                .isEmpty();
        asked.add(Optional.of("another"), false, "unknown", 6, 12, gone);
        assertThat(RaceChecker.check(START, asked.events(why -> {}).get(RaceDoor.API)))
                .isPresent();
    }

    // |-------------take s1, whose id was made last-------------|
    //     |--list: nothing--|  |--write w1--|  |--list: s1--|
    @Test
    void aSnapshotIsNotThereBeforeItsId() {
        RaceHistory asked = new RaceHistory();
        long now = System.nanoTime();
        LongUnaryOperator ago = seconds -> now - TimeUnit.SECONDS.toNanos(seconds);
        Seen made = new Seen(SnapshotId.of(Instant.now(), 1).value(), "s1", "", new TreeSet<>(), false, false);
        List<RaceCall<RaceModel>> take = RaceModel.took(made, Set.of(), false);
        asked.add(Optional.empty(), true, "s1", ago.applyAsLong(10), now + 10, take);
        asked.made(made.id());
        RaceModel start = RaceModel.with(Map.of("vda", "w0"), asked.made());
        asked.add(ago.applyAsLong(9), ago.applyAsLong(8), RaceDoor.API, list());
        asked.add(ago.applyAsLong(7), ago.applyAsLong(6), RaceDoor.API, RaceModel.wrote("w1"));
        assertThat(RaceChecker.check(start, asked.events(why -> {}).get(RaceDoor.API)))
                .isEmpty();
        asked.add(ago.applyAsLong(5), ago.applyAsLong(4), RaceDoor.API, list(made));
        assertThat(RaceChecker.check(start, asked.events(why -> {}).get(RaceDoor.API)))
                .isPresent();
    }

    private static List<RaceDoor> impossible(RaceHistory asked) {
        List<RaceDoor> doors = new ArrayList<>();
        asked.events(why -> {}).forEach((door, events) -> {
            if (RaceChecker.check(START, events).isPresent()) {
                doors.add(door);
            }
        });
        return doors;
    }

    // |--------------------take s1--------------------|
    //    |--list: s1--|  |--view lists nothing--|       |--view lists nothing--|
    @Test
    void theViewMayShowAChangeLaterThanTheApiButNotLaterThanItsAnswer() {
        RaceHistory asked = new RaceHistory();
        asked.add(Optional.empty(), true, "s1", 0, 40, take(1));
        asked.add(Optional.empty(), true, "s1", 5, 10, List.of(list(seen(1))));
        asked.add(15, 20, RaceDoor.LISTING, RaceModel.viewed(Set.of()));
        asked.add(25, 30, RaceDoor.LATEST, RaceModel.latest("s1"));
        asked.add(35, 38, RaceDoor.LISTING, RaceModel.viewed(Set.of()));
        assertThat(impossible(asked)).isEmpty();
        asked.add(41, 50, RaceDoor.LISTING, RaceModel.viewed(Set.of()));
        assertThat(impossible(asked)).containsExactly(RaceDoor.LISTING);
        asked.add(41, 50, RaceDoor.FILES, RaceModel.unknownDisk("copy", "s1", Set.of("vda")));
        assertThat(impossible(asked)).containsExactly(RaceDoor.LISTING, RaceDoor.FILES);
    }

    // |----------------------take s1----------------------|
    //    |--view lists s1--|  |--view lists nothing--|
    @Test
    void whatTheViewHasShownDoesNotGoAwayAgain() {
        RaceHistory asked = new RaceHistory();
        asked.add(Optional.empty(), true, "s1", 0, 40, take(1));
        asked.add(5, 10, RaceDoor.LISTING, RaceModel.viewed(Set.of("s1")));
        assertThat(impossible(asked)).isEmpty();
        asked.add(15, 20, RaceDoor.LISTING, RaceModel.viewed(Set.of()));
        assertThat(impossible(asked)).containsExactly(RaceDoor.LISTING);
    }

    // |--take s1--|  |--write w1--|  |--take s2--|  |--copy s2: w0--|
    @Test
    void aSnapshotOfAnEarlierMomentIsImpossibleInTheViewToo() {
        RaceHistory asked = new RaceHistory();
        asked.add(Optional.empty(), true, "s1", 0, 10, take(1));
        asked.add(11, 20, RaceDoor.API, RaceModel.wrote("w1"));
        asked.add(Optional.empty(), true, "s2", 21, 30, take(2));
        asked.add(31, 40, RaceDoor.FILES, RaceModel.copied("s2", "vda", "w1"));
        assertThat(impossible(asked)).isEmpty();
        asked.add(31, 40, RaceDoor.FILES, RaceModel.copied("s2", "vda", "w0"));
        assertThat(impossible(asked)).containsExactly(RaceDoor.FILES);
    }
}
