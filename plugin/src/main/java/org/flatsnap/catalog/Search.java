package org.flatsnap.catalog;

import static java.util.Comparator.comparing;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;

/**
 * One query under way. It walks the index that promises a full page soonest, in slices, so that writers need not wait for a
 * long search; between two slices it holds nothing but its place in time.
 */
final class Search {
    private static final int ENTRIES_IN_A_SLICE = 1000;
    private static final int ROWS_PASSED_OVER = 100;

    // What things cost, in reads of a record.
    private static final double SEEK = 5;
    private static final double ROW_IN_MEMORY = 0.0005;
    private static final double ROW_OF_TABLE = 0.2;

    // How many of all snapshots match a pattern or a text, for want of better knowledge.
    private static final double RARE = 0.001;

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
    private final List<byte[]> tags;
    private final List<Snapshot> found = new ArrayList<>();
    private Bounds bounds;
    // Any of these; empty for any.
    private Optional<Set<Section>> sections = Optional.empty();
    private Set<Integer> vmNumbers = Set.of();
    // A snapshot that is retired while this goes on may stand in a section that was not there before.
    private int numbersGiven;
    private Timeline.Filter filter = Timeline.Filter.ANY;
    private Path path;

    /** A Problem says what is wrong with the query's patterns or cursor. */
    Search(SnapshotQuery query) {
        this.query = query;
        this.vmName = query.vmName().map(Glob::new);
        this.name = query.name().map(Glob::new);
        this.text = query.text().map(Signature::folded);
        this.tags = query.tags().stream()
                .map(tag -> tag.value().getBytes(StandardCharsets.UTF_8))
                .toList();
        Optional<Stamp> past = query.cursor().map(cursor -> Cursor.parse(cursor, query.order()));
        this.bounds = new Bounds(query.after(), query.before(), past, query.order());
    }

    /** Walks on a little. The index must not change meanwhile. Returns true when the page is complete. */
    boolean slice(Index index) {
        if (path == null || numbersGiven != index.numbersGiven()) {
            numbersGiven = index.numbersGiven();
            path = best(index);
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

    /** Also settles what the query means here and now: which VMs, and which signatures. */
    private Path best(Index index) {
        double total = Math.max(1, index.counts().total());
        double matches = total;
        long ofVms = 0;
        if (!query.vms().isEmpty() || vmName.isPresent() || query.retired().isPresent()) {
            Set<Section> wanted = wantedSections(index);
            sections = Optional.of(wanted);
            if (wanted.isEmpty()) {
                return (from, within) -> List.of();
            }
            vmNumbers = new HashSet<>();
            for (Section section : wanted) {
                vmNumbers.add(index.rows().get(section).number());
                ofVms += index.rows().get(section).snapshots();
            }
            matches *= ofVms / total;
        }
        filter = filter();
        Optional<Long> inTime = index.countByTime(bounds);
        double share = inTime.map(count -> count / total).orElse(1.0);
        matches *= share;
        for (Tag tag : query.tags()) {
            matches *= index.counts().of(tag) / total;
        }
        if (text.isPresent()) {
            matches *= RARE;
        }
        if (name.isPresent()) {
            matches *= RARE;
        }
        Choice choice = new Choice(matches, inTime.isPresent() ? ROW_IN_MEMORY : ROW_OF_TABLE, total * share);
        if (name.isPresent() && name.get().isLiteral()) {
            String literal = name.get().text();
            // A name is unique within its VM.
            choice.offer(List.of(Keys.name(literal)), index.rows().size());
            sections.ifPresent(wanted -> choice.offer(
                    wanted.stream().map(section -> Keys.name(section, literal)).toList(), wanted.size()));
        }
        for (Tag tag : query.tags()) {
            double tagged = index.counts().of(tag) * share;
            choice.offer(List.of(Keys.tag(tag)), tagged);
            if (sections.isPresent()) {
                choice.offer(
                        sections.get().stream()
                                .map(section -> Keys.tag(section, tag))
                                .toList(),
                        tagged * ofVms / total);
            }
        }
        if (sections.isPresent()) {
            choice.offer(sections.get().stream().map(Keys::vm).toList(), ofVms * share);
        }
        return choice.best;
    }

    /** Compares ways by how many entries they have to walk before the page is full. */
    private final class Choice {
        private final double matches;
        private double cost;
        private Path best = Search.this::walkTime;

        Choice(double matches, double row, double rows) {
            this.matches = matches;
            this.cost = SEEK + walked(rows) * row + Math.min(matches, query.limit());
        }

        private double walked(double entries) {
            return Math.min(entries, entries * query.limit() / Math.max(matches, 1e-9));
        }

        void offer(List<byte[]> prefixes, double entries) {
            double offered = SEEK * prefixes.size() + walked(entries);
            if (offered < cost) {
                cost = offered;
                best = (index, within) -> walkWords(index, prefixes, within);
            }
        }
    }

    private Set<Section> wantedSections(Index index) {
        Set<Section> wanted = new HashSet<>();
        Collection<Section> among = query.vms().isEmpty()
                ? index.rows().keySet()
                : query.vms().stream()
                        .flatMap(vm -> Stream.of(Section.used(vm), Section.retiredOf(vm)))
                        .toList();
        for (Section section : among) {
            VmRow row = index.rows().get(section);
            if (row != null
                    && query.retired().map(only -> only == section.retired()).orElse(true)
                    && (vmName.isEmpty() || isMeant(section.vm(), row))) {
                wanted.add(section);
            }
        }
        return wanted;
    }

    private boolean isMeant(VmId vm, VmRow row) {
        return vmName.get().test(row.name().value()) || vmName.get().text().equals(vm.value());
    }

    private Timeline.Filter filter() {
        long words = vmNumbers.size() == 1 ? Row.signature(vmNumbers.iterator().next()) : 0;
        for (byte[] tag : tags) {
            words |= Row.signature(tag);
        }
        long ofName = 0;
        List<String> literals = name.map(Glob::literals).orElse(List.of());
        for (String literal : literals) {
            ofName |= Signature.of(literal);
        }
        int[] grams = Stream.concat(literals.stream(), text.stream())
                .flatMapToInt(part -> Arrays.stream(Signature.grams(part)))
                .toArray();
        return new Timeline.Filter(words, ofName, text.map(Signature::ofFolded).orElse(0L), grams);
    }

    private List<Iterator<Candidate>> walkTime(Index index, Bounds within) {
        return List.of(map(thinned(index.byTime(within, filter)), row -> {
            Stamp stamp = row.stamp();
            return new Candidate(
                    stamp,
                    () -> mayMatch(row)
                            ? Optional.of(index.load(row.record(), stamp)).filter(this::matches)
                            : Optional.empty());
        }));
    }

    /** Leaves out rows that do not match, but for one now and then, so that a slice comes to its end. */
    private Iterator<Row> thinned(Iterator<Row> rows) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return rows.hasNext();
            }

            @Override
            public Row next() {
                Row row = rows.next();
                for (int passed = 1; passed < ROWS_PASSED_OVER && rows.hasNext() && !mayMatch(row); passed++) {
                    row = rows.next();
                }
                return row;
            }
        };
    }

    private List<Iterator<Candidate>> walkWords(Index index, List<byte[]> prefixes, Bounds within) {
        List<Iterator<Candidate>> runs = new ArrayList<>();
        for (byte[] prefix : prefixes) {
            runs.add(map(
                    index.walk(prefix, within),
                    entry -> new Candidate(Stamp.endOf(entry.getKey()), () -> Optional.of(index.load(entry))
                            .filter(this::matches))));
        }
        return runs;
    }

    private boolean mayMatch(Row row) {
        if (sections.isPresent() && !vmNumbers.contains(row.vm())) {
            return false;
        }
        for (byte[] tag : tags) {
            if (!row.tagged(tag)) {
                return false;
            }
        }
        if (name.isEmpty() && text.isEmpty()) {
            return true;
        }
        String named = row.name();
        return (name.isEmpty() || name.get().test(named))
                && (text.isEmpty()
                        || contains(named)
                        || row.description().map(this::contains).orElse(true));
    }

    private boolean matches(Snapshot snapshot) {
        String named = snapshot.name().value();
        return (sections.isEmpty() || sections.get().contains(Section.of(snapshot)))
                && snapshot.labels().tags().containsAll(query.tags())
                && (name.isEmpty() || name.get().test(named))
                && (text.isEmpty()
                        || contains(named)
                        || contains(snapshot.labels().description().value()));
    }

    private boolean contains(String where) {
        return Signature.folded(where).contains(text.orElseThrow());
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
