package org.flatsnap.faults;

import java.util.ArrayList;
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
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Tag;

/**
 * What one VM is to its users, one thing after another: its snapshots with labels and content, and what its disks hold.
 *
 * @param snapshots by id, so in order of time
 * @param captured by id, what snapshots hold that are being taken and cannot be seen yet
 * @param live by disk, the word that was written on it last
 */
record RaceModel(
        SortedMap<String, Kept> snapshots, Map<String, Map<String, String>> captured, Map<String, String> live) {
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

    /** A VM without snapshots. */
    static RaceModel with(Map<String, String> live) {
        return new RaceModel(new TreeMap<>(), Map.of(), Map.copyOf(live));
    }

    private Optional<Kept> find(String reference) {
        if (reference.equals("latest")) {
            return snapshots.isEmpty() ? Optional.empty() : Optional.of(snapshots.get(snapshots.lastKey()));
        }
        return Optional.ofNullable(snapshots.get(reference)).or(() -> snapshots.values().stream()
                .filter(kept -> kept.seen().name().equals(reference))
                .findFirst());
    }

    private boolean newest(Seen seen) {
        return snapshots.isEmpty() || snapshots.lastKey().compareTo(seen.id()) < 0;
    }

    private RaceModel put(Kept kept) {
        SortedMap<String, Kept> more = new TreeMap<>(snapshots);
        more.put(kept.seen().id(), kept);
        return new RaceModel(more, captured, live);
    }

    private RaceModel remove(String id) {
        SortedMap<String, Kept> fewer = new TreeMap<>(snapshots);
        fewer.remove(id);
        return new RaceModel(fewer, captured, live);
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
            return Optional.of(new RaceModel(state.snapshots, state.captured, Map.copyOf(live)));
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
        return List.of(
                RaceCall.changing("capture " + disks + " as " + seen.name(), state -> {
                    Map<String, String> kept = new HashMap<>(part(state.live, disks));
                    if (torn) {
                        kept.replaceAll((disk, word) -> ANY);
                    }
                    Map<String, Map<String, String>> more = new HashMap<>(state.captured);
                    more.put(seen.id(), Map.copyOf(kept));
                    return Optional.of(new RaceModel(state.snapshots, Map.copyOf(more), state.live));
                }),
                RaceCall.changing("take " + disks + ": " + seen + (torn ? " torn" : ""), state -> {
                    Map<String, String> kept = state.captured.get(seen.id());
                    if (kept == null || state.find(seen.name()).isPresent() || !state.newest(seen)) {
                        return Optional.empty();
                    }
                    Map<String, Map<String, String>> fewer = new HashMap<>(state.captured);
                    fewer.remove(seen.id());
                    return Optional.of(
                            new RaceModel(state.snapshots, Map.copyOf(fewer), state.live).put(new Kept(seen, kept)));
                }));
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
        return RaceCall.changing("delete " + reference + ": was " + seen, state -> state.find(reference)
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
     * Disks were put back.
     *
     * @param target the id of the snapshot they are like
     * @param guard what is known of the guard
     */
    static RaceCall<RaceModel> rolledBack(String reference, Set<String> disks, String target, Supplier<Seen> guard) {
        return RaceCall.changing(
                "roll back " + disks + " to " + reference + ": " + target, state -> state.find(reference)
                        .filter(kept -> kept.seen().id().equals(target))
                        .flatMap(kept -> state.rollBack(kept, disks, guard.get())));
    }

    /** There was no such snapshot, or it had not all of these disks. */
    static RaceCall<RaceModel> unknownDisk(String what, String reference, Set<String> disks) {
        return RaceCall.observing(what + " " + disks + " of " + reference + ": unknown", state -> state.find(reference)
                .filter(kept -> kept.disks().keySet().containsAll(disks))
                .isEmpty());
    }

    private Optional<RaceModel> rollBack(Kept target, Set<String> disks, Seen guard) {
        Map<String, String> back = part(target.disks(), disks);
        if (!back.keySet().containsAll(disks) || !newest(guard)) {
            return Optional.empty();
        }
        Map<String, String> after = new HashMap<>(live);
        after.putAll(back);
        RaceModel guarded = put(new Kept(guard, part(live, back.keySet())));
        return Optional.of(new RaceModel(guarded.snapshots, captured, Map.copyOf(after)));
    }

    private Optional<Kept> newestGuard() {
        return snapshots.values().stream().filter(kept -> kept.seen().guard()).reduce((earlier, later) -> later);
    }

    /** A rollback was undone. */
    static RaceCall<RaceModel> undone(String target, Supplier<Seen> guard) {
        return RaceCall.changing("undo: back to " + target, state -> state.newestGuard()
                .filter(kept -> kept.seen().id().equals(target))
                .flatMap(kept -> state.rollBack(kept, Set.of(), guard.get())));
    }

    /** There was no guard to go back to. */
    static RaceCall<RaceModel> noGuard() {
        return RaceCall.observing("undo: no guard", state -> state.newestGuard().isEmpty());
    }
}
