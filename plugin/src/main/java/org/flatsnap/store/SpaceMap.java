package org.flatsnap.store;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.flatsnap.linux.Extents.Range;

/**
 * Who uses which bytes of a device, to tell what would be free if some users went. Costs a sort over all ranges. For one
 * thread.
 *
 * @param <U> what uses bytes: a snapshot, a live disk
 */
final class SpaceMap<U> {
    private record Edge<U>(long position, U user, int change) {}

    private final List<Edge<U>> edges = new ArrayList<>();

    /** Ranges may overlap, also those of one user. */
    void add(U user, List<Range> ranges) {
        for (Range range : ranges) {
            edges.add(new Edge<>(range.start(), user, 1));
            edges.add(new Edge<>(range.end(), user, -1));
        }
    }

    /** The bytes that each user alone uses; users that share everything are left out. */
    Map<U, Long> exclusive() {
        Map<U, Long> bytes = new HashMap<>();
        sweep(
                active -> active.size() == 1,
                (active, length) -> bytes.merge(active.iterator().next(), length, Long::sum));
        return bytes;
    }

    /** The bytes that nobody would use any more if all of these went. */
    long freedBy(Set<U> users) {
        long[] bytes = new long[1];
        sweep(users::containsAll, (active, length) -> bytes[0] += length);
        return bytes[0];
    }

    private interface Visitor<U> {
        void visit(Set<U> active, long length);
    }

    /** Visits each run of bytes whose set of users does not change, if that set is wanted. */
    private void sweep(Predicate<Set<U>> wanted, Visitor<U> visitor) {
        edges.sort(Comparator.comparingLong(Edge::position));
        Map<U, Integer> active = new HashMap<>();
        long from = 0;
        for (Edge<U> edge : edges) {
            if (edge.position() > from && !active.isEmpty() && wanted.test(active.keySet())) {
                visitor.visit(active.keySet(), edge.position() - from);
            }
            from = edge.position();
            active.merge(edge.user(), edge.change(), (old, change) -> old + change == 0 ? null : old + change);
        }
    }
}
