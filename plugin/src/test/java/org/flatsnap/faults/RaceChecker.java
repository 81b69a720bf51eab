package org.flatsnap.faults;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Tells whether a history of calls that overlapped could have come from a machine that did them one after another, each at
 * one moment between its beginning and its end: linearizability, after Herlihy and Wing.
 *
 * <p>The algorithm is Lowe's just-in-time linearization ("Testing for linearizability", 2017), a variant of Wing and Gong's
 * search with memory: it goes through beginnings and ends in order of time and keeps every pair of a state and the set of
 * calls under way that have happened in it. A call is made to happen at the latest when it ends, after any sequence of other
 * calls under way that lets it. Calls that only observe happen as soon as the state fits, which takes no other choice away.
 *
 * <p>It costs memory for what is under way at once and not for the length of the history. Known checkers for recorded
 * histories are made for Go (Porcupine) or Clojure (Knossos, which is not on Maven Central); Lincheck makes its own histories
 * by running classes in its own scheduler. So this small one is written for the purpose.
 */
final class RaceChecker<S> {
    private static final int SHOWN = 25;
    private static final List<Effort> EFFORTS = List.of(new Effort(1, 2_000), new Effort(Integer.MAX_VALUE, 400_000));

    private final List<RaceEvent<S>> events;
    private final Effort effort;
    private boolean gaveUp;

    private RaceChecker(Collection<RaceEvent<S>> events, Effort effort) {
        this.events = events.stream()
                .sorted(Comparator.comparingLong(RaceEvent::from))
                .toList();
        this.effort = effort;
    }

    /**
     * How far to look. An order that is found is one, however little was looked for; that there is none is believed only when
     * nothing was left out.
     *
     * @param depth how many more calls to let happen before one that could end without them
     * @param places how many to keep for one end
     */
    private record Effort(int depth, int places) {}

    /** Where a machine can be, and which of the calls under way have happened. */
    private record Place<S>(S state, Set<Integer> happened) {}

    /**
     * Checks a history; gives why it cannot be, or nothing if it can. One that is too tangled to be decided counts as one
     * that cannot be.
     */
    static <S> Optional<String> check(S start, Collection<RaceEvent<S>> events) {
        Optional<String> wrong = Optional.empty();
        for (Effort effort : EFFORTS) {
            RaceChecker<S> checker = new RaceChecker<>(events, effort);
            wrong = checker.run(start);
            if (wrong.isEmpty() || !checker.gaveUp) {
                return wrong;
            }
        }
        return wrong.map(why -> "cannot be decided: " + why);
    }

    private record Moment<S>(long time, boolean end, RaceEvent<S> event) {}

    private Optional<String> run(S start) {
        List<Moment<S>> moments = new ArrayList<>();
        for (RaceEvent<S> event : events) {
            moments.add(new Moment<>(event.from(), false, event));
            moments.add(new Moment<>(event.to(), true, event));
        }
        // At one moment beginnings come first: such calls overlap.
        moments.sort(Comparator.<Moment<S>>comparingLong(Moment::time).thenComparing(Moment::end));
        Map<Integer, RaceEvent<S>> underWay = new LinkedHashMap<>();
        Set<Place<S>> places = Set.of(new Place<>(start, Set.of()));
        for (Moment<S> moment : moments) {
            RaceEvent<S> event = moment.event();
            if (!moment.end()) {
                underWay.put(event.number(), event);
                if (event.call().observes()) {
                    places = observed(places, event);
                }
                continue;
            }
            Set<Place<S>> next = ending(places, event, underWay);
            if (next.isEmpty()) {
                return Optional.of(describe(event, places, underWay));
            }
            underWay.remove(event.number());
            places = next.size() == 1 ? next : first(next, underWay);
        }
        return Optional.empty();
    }

    private static <S> Set<Place<S>> observed(Set<Place<S>> places, RaceEvent<S> event) {
        Set<Place<S>> after = new LinkedHashSet<>();
        for (Place<S> place : places) {
            boolean fits = event.call().from(place.state()).isPresent();
            after.add(fits ? new Place<>(place.state(), with(place.happened(), event.number())) : place);
        }
        return after;
    }

    /** Every place in which this call has happened, that call left out of it. */
    private Set<Place<S>> ending(Set<Place<S>> places, RaceEvent<S> ended, Map<Integer, RaceEvent<S>> underWay) {
        Set<Place<S>> reached = new LinkedHashSet<>();
        Set<Place<S>> seen = new HashSet<>(places);
        List<Place<S>> level = new ArrayList<>(places);
        // With few calls before it first: one that need not have happened yet can still happen later.
        int since = 0;
        while (!level.isEmpty()) {
            List<Place<S>> further = new ArrayList<>();
            for (Place<S> place : level) {
                if (place.happened().contains(ended.number())) {
                    reached.add(new Place<>(place.state(), without(place.happened(), ended.number())));
                    continue;
                }
                for (RaceEvent<S> event : underWay.values()) {
                    if (!event.call().observes() && !place.happened().contains(event.number())) {
                        step(place, event, underWay).filter(seen::add).ifPresent(further::add);
                    }
                }
            }
            since += reached.isEmpty() ? 0 : 1;
            if (!further.isEmpty() && (since > effort.depth() || seen.size() > effort.places())) {
                gaveUp = true;
                break;
            }
            level = further;
        }
        return reached;
    }

    /** Leaves out every place that another leads to by a call that is still under way: it can be gone to when it is needed. */
    private static <S> Set<Place<S>> first(Set<Place<S>> places, Map<Integer, RaceEvent<S>> underWay) {
        Set<Place<S>> first = new LinkedHashSet<>(places);
        for (Place<S> place : places) {
            for (RaceEvent<S> event : underWay.values()) {
                if (!event.call().observes() && !place.happened().contains(event.number())) {
                    step(place, event, underWay).ifPresent(first::remove);
                }
            }
        }
        return first;
    }

    private static <S> Optional<Place<S>> step(
            Place<S> place, RaceEvent<S> event, Map<Integer, RaceEvent<S>> underWay) {
        return event.call().from(place.state()).map(state -> {
            Set<Integer> happened = with(place.happened(), event.number());
            for (RaceEvent<S> other : underWay.values()) {
                if (other.call().observes()
                        && !happened.contains(other.number())
                        && other.call().from(state).isPresent()) {
                    happened.add(other.number());
                }
            }
            return new Place<>(state, happened);
        });
    }

    private static Set<Integer> with(Set<Integer> set, int number) {
        Set<Integer> changed = new TreeSet<>(set);
        changed.add(number);
        return changed;
    }

    private static Set<Integer> without(Set<Integer> set, int number) {
        Set<Integer> changed = new TreeSet<>(set);
        changed.remove(number);
        return changed;
    }

    private String describe(RaceEvent<S> wrong, Set<Place<S>> places, Map<Integer, RaceEvent<S>> underWay) {
        StringBuilder text = new StringBuilder("no order explains ").append(line(wrong));
        text.append("\n  under way with it:");
        underWay.values().stream().filter(event -> event != wrong).forEach(event -> text.append("\n    ")
                .append(line(event)));
        text.append("\n  ended before it, the last first:");
        events.stream()
                .filter(event -> event.to() < wrong.to() && !event.call().observes())
                .sorted(Comparator.<RaceEvent<S>>comparingLong(RaceEvent::to).reversed())
                .limit(SHOWN)
                .forEach(event -> text.append("\n    ").append(line(event)));
        text.append("\n  ").append(places.size()).append(" places it could be in:");
        places.stream().limit(3).forEach(place -> text.append("\n    ").append(place));
        return text.toString();
    }

    private String line(RaceEvent<S> event) {
        long begin = events.get(0).from();
        return "#%d [%.3f..%.3f ms] %s"
                .formatted(event.number(), (event.from() - begin) / 1e6, (event.to() - begin) / 1e6, event.call());
    }
}
