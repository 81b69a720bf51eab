package org.flatsnap.catalog;

import static java.util.Comparator.comparing;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;

/**
 * One query under way. It walks the index with the fewest entries that can hold a match, in slices, so that writers need
 * not wait for a long search; between two slices it holds nothing but its place in time.
 */
final class Search {
    private static final int ENTRIES_IN_A_SLICE = 1000;

    // Finding the first entry under a prefix costs about as much as walking so many more.
    private static final int ENTRIES_PER_PREFIX = 16;

    /** A snapshot that may match, and how to find out. */
    private record Candidate(Stamp stamp, Supplier<Optional<Snapshot>> match) {}

    /** One way to walk everything that may match. */
    private interface Path {
        List<Iterator<Candidate>> open(Index index, Bounds bounds);
    }

    private final SnapshotQuery query;
    private final Optional<Glob> vmName;
    private final Optional<Glob> name;
    private final Optional<String> text;
    private final List<Snapshot> found = new ArrayList<>();
    private Bounds bounds;
    private Set<VmId> vms;
    private Path path;

    /** A Problem says what is wrong with the query's patterns or cursor. */
    Search(SnapshotQuery query) {
        this.query = query;
        this.vmName = query.vmName().map(Glob::new);
        this.name = query.name().map(Glob::new);
        this.text = query.text().map(Search::folded);
        Optional<Stamp> past = query.cursor().map(cursor -> Cursor.parse(cursor, query.order()));
        this.bounds = new Bounds(query.after(), query.before(), past, query.order());
        this.vms = query.vms();
    }

    /** Walks on a little. The index must not change meanwhile. Returns true when the page is complete. */
    boolean slice(Index index) {
        if (path == null) {
            path = narrowest(index);
        }
        Comparator<Candidate> order =
                switch (query.order()) {
                    case NEWEST_FIRST -> comparing(Candidate::stamp).reversed();
                    case OLDEST_FIRST -> comparing(Candidate::stamp);
                };
        PriorityQueue<Map.Entry<Candidate, Iterator<Candidate>>> heads =
                new PriorityQueue<>(Map.Entry.comparingByKey(order));
        List<Iterator<Candidate>> runs = path.open(index, bounds);
        runs.forEach(run -> advance(heads, run));
        int examined = 0;
        while (!heads.isEmpty() && found.size() <= query.limit()) {
            if (examined++ == ENTRIES_IN_A_SLICE + runs.size()) {
                return false;
            }
            var head = heads.remove();
            head.getKey().match().get().ifPresent(found::add);
            bounds = bounds.past(head.getKey().stamp());
            advance(heads, head.getValue());
        }
        return true;
    }

    private static void advance(
            PriorityQueue<Map.Entry<Candidate, Iterator<Candidate>>> heads, Iterator<Candidate> run) {
        if (run.hasNext()) {
            heads.add(Map.entry(run.next(), run));
        }
    }

    /** The page, once complete. One match more than fits says that there is another. */
    Page page() {
        if (found.size() <= query.limit()) {
            return new Page(found, Optional.empty());
        }
        List<Snapshot> page = found.subList(0, query.limit());
        Stamp last = Stamp.of(page.get(page.size() - 1));
        return new Page(page, Optional.of(new Cursor(query.order(), last).toString()));
    }

    private Path narrowest(Index index) {
        boolean anyVm = vms.isEmpty() && vmName.isEmpty();
        long fewest = index.total();
        Path narrowest = this::walkTime;
        if (!anyVm) {
            Set<VmId> wanted = wantedVms(index);
            long entries = (long) ENTRIES_PER_PREFIX * wanted.size();
            for (VmId vm : wanted) {
                entries += index.row(vm).map(VmRow::snapshots).orElse(0L);
            }
            vms = wanted;
            if (wanted.isEmpty()) {
                return (from, within) -> List.of();
            }
            if (entries < fewest) {
                fewest = entries;
                narrowest = this::walkVms;
            }
        }
        for (byte[] prefix : prefixes()) {
            long entries = index.count(prefix);
            if (entries < fewest) {
                fewest = entries;
                narrowest = (from, within) -> walkWord(from, prefix, within);
            }
        }
        return narrowest;
    }

    private Set<VmId> wantedVms(Index index) {
        if (vmName.isEmpty()) {
            return vms;
        }
        return index.vms().stream()
                .filter(entry -> vms.isEmpty() || vms.contains(entry.vm()))
                .filter(entry -> vmName.get().test(entry.name().value())
                        || vmName.get().text().equals(entry.vm().value()))
                .map(VmEntry::vm)
                .collect(Collectors.toUnmodifiableSet());
    }

    private List<byte[]> prefixes() {
        List<byte[]> prefixes = new ArrayList<>();
        query.tags().forEach(tag -> prefixes.add(Keys.tag(tag)));
        name.filter(Glob::isLiteral).ifPresent(glob -> prefixes.add(Keys.name(glob.text())));
        return prefixes;
    }

    private List<Iterator<Candidate>> walkTime(Index index, Bounds within) {
        return List.of(map(index.byTime(within), entry -> {
            Stamp stamp = Stamp.endOf(entry.getKey());
            return new Candidate(stamp, () -> {
                Summary summary = Summary.parse(entry.getValue());
                return matches(summary)
                        ? Optional.of(index.load(summary.vm(), stamp)).filter(this::matches)
                        : Optional.empty();
            });
        }));
    }

    private List<Iterator<Candidate>> walkVms(Index index, Bounds within) {
        List<Iterator<Candidate>> runs = new ArrayList<>();
        for (VmId vm : vms) {
            runs.add(map(
                    index.byVm(vm, within),
                    entry -> new Candidate(Stamp.endOf(entry.getKey()), () -> Optional.of(index.snapshotIn(entry, vm))
                            .filter(this::matches))));
        }
        return runs;
    }

    private List<Iterator<Candidate>> walkWord(Index index, byte[] prefix, Bounds within) {
        return List.of(map(index.byWord(prefix, within), entry -> {
            Stamp stamp = Stamp.endOf(entry.getKey());
            return new Candidate(stamp, () -> Optional.of(index.load(index.vmIn(entry), stamp))
                    .filter(this::matches));
        }));
    }

    private boolean matches(Snapshot snapshot) {
        return matches(Summary.of(snapshot)) && snapshot.labels().tags().containsAll(query.tags());
    }

    private boolean matches(Summary summary) {
        return (vms.isEmpty() || vms.contains(summary.vm()))
                && (name.isEmpty() || name.get().test(summary.name()))
                && (text.isEmpty() || contains(summary.name()) || contains(summary.description()));
    }

    private boolean contains(String where) {
        return folded(where).contains(text.orElseThrow());
    }

    private static String folded(String text) {
        String upper = Normalizer.normalize(text, Normalizer.Form.NFC).toUpperCase(Locale.ROOT);
        return upper.toLowerCase(Locale.ROOT);
    }

    private static <A, B> Iterator<B> map(Iterator<A> entries, Function<A, B> function) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return entries.hasNext();
            }

            @Override
            public B next() {
                return function.apply(entries.next());
            }
        };
    }
}
