package org.flatsnap.faults;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Tag;

/**
 * What one VM is to its users, one thing after another: its snapshots with labels and content, and what its disks hold.
 *
 * @param snapshots by id, so in order of time
 * @param captured what the snapshot holds that is being taken and cannot be seen yet, or what disks will hold that are being
 *     rolled back and whose guard is there; only guests do anything meanwhile
 * @param live by disk, the word that was written on it last
 * @param last the id of the last snapshot that was made, whether it still is there or not
 * @param order in which snapshots are made
 */
record RaceModel(
        SortedMap<String, Kept> snapshots,
        Optional<Captured> captured,
        Map<String, String> live,
        String last,
        Order order) {
    /** What a torn snapshot, which says so, holds. */
    static final String ANY = "*";

    /** What anybody can see of a snapshot. */
    record Seen(String id, String name, String description, SortedSet<String> tags, boolean held, boolean guard) {
        static Seen of(Snapshot snapshot) {
            return new Seen(
                    snapshot.id().value(),
                    snapshot.name().value(),
                    snapshot.labels().description().toString(),
                    snapshot.labels().tags().stream().map(Tag::value).collect(Collectors.toCollection(TreeSet::new)),
                    snapshot.labels().held(),
                    snapshot.guard().isPresent());
        }

        @Override
        public String toString() {
            return name + "(" + id.substring(Math.max(0, id.length() - 8)) + (held ? " held" : "")
                    + (guard ? " guard" : "") + " " + tags + " '" + description + "')";
        }
    }

    /** A snapshot and the word on each of its disks. */
    record Kept(Seen seen, Map<String, String> disks) {}

    /** The disks of a snapshot before it is there, or of the rollback that this guard precedes. */
    record Captured(String id, Map<String, String> disks) {}

    /**
     * The order of the snapshots of a history, which their ids tell: a new one is the newest. Known beforehand, it saves the
     * search for it.
     */
    static final class Order {
        private final Map<String, String> before = new HashMap<>();

        Order(Collection<String> ids) {
            String last = "";
            for (String id : new TreeSet<>(ids)) {
                before.put(id, last);
                last = id;
            }
        }

        private boolean allows(String last, String id) {
            return last.equals(before.get(id));
        }
    }

    /** A VM without snapshots, which is going to have those of these ids. */
    static RaceModel with(Map<String, String> live, Collection<String> ids) {
        return new RaceModel(new TreeMap<>(), Optional.empty(), Map.copyOf(live), "", new Order(ids));
    }

    private Optional<Kept> find(String reference) {
        if (reference.equals("latest")) {
            return snapshots.isEmpty() ? Optional.empty() : Optional.of(snapshots.get(snapshots.lastKey()));
        }
        return Optional.ofNullable(snapshots.get(reference)).or(() -> snapshots.values().stream()
                .filter(kept -> kept.seen().name().equals(reference))
                .findFirst());
    }

    /** With one more, which has to be the next. */
    private Optional<RaceModel> add(Kept kept) {
        String id = kept.seen().id();
        return order.allows(last, id)
                ? Optional.of(new RaceModel(put(kept).snapshots, Optional.empty(), live, id, order))
                : Optional.empty();
    }

    private RaceModel put(Kept kept) {
        SortedMap<String, Kept> more = new TreeMap<>(snapshots);
        more.put(kept.seen().id(), kept);
        return new RaceModel(more, captured, live, last, order);
    }

    private RaceModel remove(String id) {
        SortedMap<String, Kept> fewer = new TreeMap<>(snapshots);
        fewer.remove(id);
        return new RaceModel(fewer, captured, live, last, order);
    }

    private RaceModel writing(Map<String, String> words) {
        return new RaceModel(snapshots, captured, Map.copyOf(words), last, order);
    }

    /** A change that is made with the VM's lock in hand, and so not while a snapshot is being taken. */
    private static RaceCall<RaceModel> locked(String text, Function<RaceModel, Optional<RaceModel>> step) {
        return RaceCall.changing(text, state -> state.captured.isPresent() ? Optional.empty() : step.apply(state));
    }

    private static boolean same(Map<String, String> one, Map<String, String> other) {
        return one.keySet().equals(other.keySet())
                && one.entrySet().stream().allMatch(entry -> same(entry.getValue(), other.get(entry.getKey())));
    }

    private static boolean same(String one, String other) {
        return one.equals(other) || one.equals(ANY) || other.equals(ANY);
    }

    private static Map<String, String> part(Map<String, String> disks, Set<String> chosen) {
        return disks.entrySet().stream()
                .filter(disk -> chosen.isEmpty() || chosen.contains(disk.getKey()))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    // What clients can be told, each with the machine's part in it.

    /** A guest wrote a word to all its disks. */
    static RaceCall<RaceModel> wrote(String word) {
        return RaceCall.changing("write " + word, state -> {
            Map<String, String> live = new HashMap<>(state.live);
            live.replaceAll((disk, before) -> word);
            return Optional.of(state.writing(live));
        });
    }

    /** The live disks hold this. */
    static RaceCall<RaceModel> live(Map<String, String> words) {
        return RaceCall.observing("live disks hold " + words, state -> same(state.live, words));
    }

    /**
     * A snapshot was taken, which is two things: the moment that its disks show, and some time later, when they are durable,
     * the moment from which on it is there. The guest writes in between.
     */
    static List<RaceCall<RaceModel>> took(Seen seen, Set<String> disks, boolean torn) {
        return making(
                seen::id,
                locked("capture " + disks + " as " + seen.name(), state -> {
                    if (!state.order.allows(state.last, seen.id())) {
                        return Optional.empty();
                    }
                    Map<String, String> kept = new HashMap<>(part(state.live, disks));
                    if (torn) {
                        kept.replaceAll((disk, word) -> ANY);
                    }
                    Optional<Captured> captured = Optional.of(new Captured(seen.id(), Map.copyOf(kept)));
                    return Optional.of(new RaceModel(state.snapshots, captured, state.live, state.last, state.order));
                }),
                RaceCall.changing("take " + disks + ": " + seen + (torn ? " torn" : ""), state -> state.captured
                        .filter(captured -> captured.id().equals(seen.id())
                                && state.find(seen.name()).isEmpty())
                        .flatMap(captured -> state.add(new Kept(seen, captured.disks())))));
    }

    private static List<RaceCall<RaceModel>> making(
            Supplier<String> id, RaceCall<RaceModel> first, RaceCall<RaceModel> second) {
        return List.of(RaceCall.making(id, first), RaceCall.making(id, second));
    }

    /** A snapshot of that name was there. */
    static RaceCall<RaceModel> exists(String name) {
        return RaceCall.observing(
                "take " + name + ": exists", state -> state.find(name).isPresent());
    }

    /** Nothing was there by that name, id or "latest". */
    static RaceCall<RaceModel> unknown(String what, String reference) {
        return RaceCall.observing(what + " " + reference + ": unknown", state -> state.find(reference)
                .isEmpty());
    }

    /** One of these was not there. */
    static RaceCall<RaceModel> unknown(String what, List<String> references) {
        return RaceCall.observing(what + " " + references + ": unknown", state -> references.stream()
                .anyMatch(reference -> state.find(reference).isEmpty()));
    }

    /** It was held and so not deleted. */
    static RaceCall<RaceModel> held(String reference) {
        return RaceCall.observing("delete " + reference + ": held", state -> state.find(reference)
                .filter(kept -> kept.seen().held())
                .isPresent());
    }

    /** It was deleted, and was this. */
    static RaceCall<RaceModel> deleted(String reference, Seen seen) {
        return locked("delete " + reference + ": was " + seen, state -> state.find(reference)
                .filter(kept -> kept.seen().equals(seen) && !seen.held())
                .map(kept -> state.remove(seen.id())));
    }

    /** What a client wants other about labels; empty for as it is. */
    record Change(Set<String> added, Set<String> removed, Optional<String> description, Optional<Boolean> held) {
        Seen of(Seen seen) {
            SortedSet<String> tags = new TreeSet<>(seen.tags());
            tags.removeAll(removed);
            tags.addAll(added);
            return new Seen(
                    seen.id(),
                    seen.name(),
                    description.orElse(seen.description()),
                    tags,
                    held.orElse(seen.held()),
                    seen.guard());
        }
    }

    /** Labels were changed and are this now. */
    static RaceCall<RaceModel> changed(String reference, Change change, Seen after) {
        return RaceCall.changing(
                "change " + reference + " by " + change + ": is " + after, state -> state.find(reference)
                        .filter(kept -> change.of(kept.seen()).equals(after))
                        .map(kept -> state.put(new Kept(after, kept.disks()))));
    }

    /** It was shown. */
    static RaceCall<RaceModel> shown(String reference, Seen seen) {
        return RaceCall.observing("show " + reference + ": " + seen, state -> state.find(reference)
                .filter(kept -> kept.seen().equals(seen))
                .isPresent());
    }

    /**
     * Which part of a VM's snapshots a page has.
     *
     * @param after the last snapshot of the page before
     */
    record Filter(
            Optional<String> tag, Optional<String> prefix, boolean oldestFirst, Optional<String> after, int limit) {
        static final Filter ALL = new Filter(Optional.empty(), Optional.empty(), false, Optional.empty(), 10_000);

        private Predicate<Seen> fits() {
            return seen -> tag.map(seen.tags()::contains).orElse(true)
                    && prefix.map(seen.name()::startsWith).orElse(true)
                    && after.map(id -> oldestFirst
                                    ? seen.id().compareTo(id) > 0
                                    : seen.id().compareTo(id) < 0)
                            .orElse(true);
        }

        List<Seen> of(RaceModel state) {
            List<Seen> all = new ArrayList<>();
            state.snapshots.values().forEach(kept -> all.add(kept.seen()));
            if (!oldestFirst) {
                all.sort(Comparator.comparing(Seen::id).reversed());
            }
            return all.stream().filter(fits()).toList();
        }
    }

    /** A page of a listing. */
    static RaceCall<RaceModel> listed(Filter filter, List<Seen> page, boolean more) {
        return RaceCall.observing("list " + filter + ": " + page + (more ? " and more" : ""), state -> {
            List<Seen> all = filter.of(state);
            return page.equals(all.subList(0, Math.min(all.size(), filter.limit())))
                    && more == all.size() > page.size();
        });
    }

    /** The room of all snapshots was measured. */
    static RaceCall<RaceModel> measured(List<String> ids) {
        return RaceCall.observing(
                "measure: " + ids,
                state -> ids.equals(Filter.ALL.of(state).stream().map(Seen::id).toList()));
    }

    /** The view listed these names. */
    static RaceCall<RaceModel> viewed(Set<String> names) {
        return RaceCall.observing(
                "view lists " + names,
                state -> names.equals(state.snapshots.values().stream()
                        .map(kept -> kept.seen().name())
                        .collect(Collectors.toSet())));
    }

    /** The view's link to the newest. */
    static RaceCall<RaceModel> latest(String name) {
        return RaceCall.observing("view links latest to " + name, state -> state.find("latest")
                .filter(kept -> kept.seen().name().equals(name))
                .isPresent());
    }

    /** A disk of a snapshot was read. */
    static RaceCall<RaceModel> copied(String name, String disk, String word) {
        return RaceCall.observing("copy " + name + "/" + disk + ": " + word, state -> state.find(name)
                .filter(kept ->
                        kept.disks().containsKey(disk) && same(kept.disks().get(disk), word))
                .isPresent());
    }

    /** A clone was made that held this. */
    static RaceCall<RaceModel> cloned(String reference, Map<String, String> words) {
        return RaceCall.observing("clone " + reference + ": holds " + words, state -> state.find(reference)
                .filter(kept -> same(kept.disks(), words))
                .isPresent());
    }

    /**
     * Disks were put back, which is two things: the guard is there, and some time later they hold what the target holds. What
     * is not decided yet cannot be undone.
     *
     * @param target the id of the snapshot they are like
     * @param guard what is known of the guard
     */
    static List<RaceCall<RaceModel>> rolledBack(
            String reference, Set<String> disks, String target, Supplier<Seen> guard) {
        return making(
                () -> guard.get().id(),
                locked("guard before a rollback to " + target, state -> state.find(reference)
                        .filter(kept -> kept.seen().id().equals(target))
                        .flatMap(kept -> state.guard(kept, disks, guard.get()))),
                putBack("roll back " + disks + " to " + reference + ": " + target, guard));
    }

    private static RaceCall<RaceModel> putBack(String text, Supplier<Seen> guard) {
        return RaceCall.changing(text, state -> state.captured
                .filter(captured -> captured.id().equals(guard.get().id()))
                .map(captured -> {
                    Map<String, String> after = new HashMap<>(state.live);
                    after.putAll(captured.disks());
                    return new RaceModel(state.snapshots, Optional.empty(), Map.copyOf(after), state.last, state.order);
                }));
    }

    /** There was no such snapshot, or it had not all of these disks. */
    static RaceCall<RaceModel> unknownDisk(String what, String reference, Set<String> disks) {
        return RaceCall.observing(what + " " + disks + " of " + reference + ": unknown", state -> state.find(reference)
                .filter(kept -> kept.disks().keySet().containsAll(disks))
                .isEmpty());
    }

    private Optional<RaceModel> guard(Kept target, Set<String> disks, Seen guard) {
        Map<String, String> back = part(target.disks(), disks);
        if (!back.keySet().containsAll(disks)) {
            return Optional.empty();
        }
        return add(new Kept(guard, part(live, back.keySet())))
                .map(guarded -> new RaceModel(
                        guarded.snapshots, Optional.of(new Captured(guard.id(), back)), live, guarded.last, order));
    }

    /** Of a rollback that is decided. */
    private Optional<Kept> newestGuard() {
        return snapshots.values().stream()
                .filter(kept -> kept.seen().guard())
                .filter(kept -> captured.filter(
                                rollback -> rollback.id().equals(kept.seen().id()))
                        .isEmpty())
                .reduce((earlier, later) -> later);
    }

    /** A rollback was undone. */
    static List<RaceCall<RaceModel>> undone(String target, Supplier<Seen> guard) {
        return making(
                () -> guard.get().id(),
                locked("guard before an undo", state -> state.newestGuard()
                        .filter(kept -> kept.seen().id().equals(target))
                        .flatMap(kept -> state.guard(kept, Set.of(), guard.get()))),
                putBack("undo: back to " + target, guard));
    }

    /** There was no guard to go back to. */
    static RaceCall<RaceModel> noGuard() {
        return RaceCall.observing("undo: no guard", state -> state.newestGuard().isEmpty());
    }
}
