package org.flatsnap.catalog;

import java.time.Duration;
import java.time.Instant;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;

/** What the catalog's benchmark asks: pages of 100, at random places where there are several. */
public enum Question {
    /** One snapshot by its id. */
    POINT,
    /** One VM's snapshots of a day. */
    DAY,
    /** A page of one VM's snapshots, from a random moment on. */
    VM,
    /** A page of all VMs' snapshots, from a random moment back. */
    TIME,
    /** A page of a tag that one in a hundred has, from a random moment back. */
    TAG,
    /** A page of that tag on one VM. */
    TAG_OF_VM,
    /** A page of three tags together. */
    TAGS,
    /** A page of names that begin alike. */
    GLOB_PREFIX,
    /** A page of names that have a word in the middle. */
    GLOB_MIDDLE,
    /** No page: hardly a letter of the pattern says anything, so every name is looked at. */
    GLOB_NONE,
    /** A page of a word that one in a hundred has, from a random moment back. */
    TEXT,
    /** The one that has a ticket's number. */
    TEXT_RARE,
    /** No page: a word that nobody has. */
    TEXT_NONE;

    /** What a page has at most. */
    static final int PAGE = 100;

    /** One of the kind: which snapshot it is about, and how it is told to the catalog. */
    record Asked(Question question, SnapshotId id, VmId vm, Instant from, String word) {
        static final Tag KEEP = new Tag("keep");
        static final Tag PROD = new Tag("prod");
        static final Tag CHANGE = new Tag("change");

        SnapshotQuery query() {
            SnapshotQuery all = SnapshotQuery.ALL.limitedTo(PAGE);
            return switch (question) {
                case POINT -> throw new IllegalStateException("a point is no query");
                case DAY -> all.ofVms(Set.of(vm)).after(from).before(until()).ordered(Order.OLDEST_FIRST);
                case VM -> all.ofVms(Set.of(vm)).after(from).ordered(Order.OLDEST_FIRST);
                case TIME -> all.before(from);
                case TAG -> all.tagged(new TreeSet<>(Set.of(KEEP))).before(from);
                case TAG_OF_VM -> all.tagged(new TreeSet<>(Set.of(KEEP))).ofVms(Set.of(vm));
                case TAGS ->
                    all.tagged(new TreeSet<>(Set.of(KEEP, PROD, CHANGE))).before(from);
                case GLOB_PREFIX, GLOB_MIDDLE, GLOB_NONE -> all.named(word);
                case TEXT, TEXT_RARE, TEXT_NONE -> all.containing(word).before(from);
            };
        }

        Instant until() {
            return from.plus(Duration.ofDays(1));
        }
    }

    Asked ask(DataCentre centre, Random random) {
        Snapshot about = centre.any(random);
        String[] words = about.labels().description().value().split("[: ]+");
        String change = DataCentre.change(random);
        String word =
                switch (this) {
                    case GLOB_PREFIX -> "before-" + change + "-1*";
                    case GLOB_MIDDLE -> "*-" + change + "-?.5*";
                    case GLOB_NONE -> "*[0-9]?[xyz]";
                    case TEXT -> change;
                    case TEXT_RARE ->
                        words[0].startsWith("CHG") ? words[0] : "CHG" + (100_000 + random.nextInt(900_000));
                    case TEXT_NONE -> "no such word";
                    case POINT, DAY, VM, TIME, TAG, TAG_OF_VM, TAGS -> "";
                };
        Instant from =
                switch (this) {
                    case TEXT_RARE, TEXT_NONE -> Instant.parse("2200-01-01T00:00:00Z");
                    default -> about.takenAt();
                };
        return new Asked(this, about.id(), about.vm(), from, word);
    }
}
