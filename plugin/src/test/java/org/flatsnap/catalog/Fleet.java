package org.flatsnap.catalog;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.flatsnap.model.Description;
import org.flatsnap.model.Labels;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;

/** Many VMs with many snapshots, the same for the same seed. */
final class Fleet {
    static final List<String> TAGS = List.of("prod", "nightly", "before-upgrade", "größe", "移行");

    private static final List<String> NAMES = List.of("nightly", "before-upgrade", "Größe", "移行前", "s");
    private static final List<String> WORDS =
            List.of("kernel upgrade", "Before the MIGRATION", "ÄRGER mit der Platte", "", "as asked by Anna");
    private static final Instant BEGIN = Instant.parse("2026-01-01T00:00:00Z");

    private final Random random;
    private final int vms;

    Fleet(long seed, int vms) {
        this.random = new Random(seed);
        this.vms = vms;
    }

    static VmId vm(int number) {
        return new VmId(String.format("00000000-0000-4000-8000-%012x", number));
    }

    static String vmName(int number) {
        return (number % 3 == 0 ? "web" : number % 3 == 1 ? "db" : "größe") + number;
    }

    /** A moment of the fleet's year, or near it. */
    Instant moment() {
        return BEGIN.plus(Duration.ofMinutes(random.nextInt(365 * 24 * 60)));
    }

    List<Snapshot> snapshots(int count) {
        List<Snapshot> snapshots = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            snapshots.add(snapshot(i));
        }
        return snapshots;
    }

    /** The number makes the name unique. */
    Snapshot snapshot(int number) {
        int vm = random.nextInt(vms);
        // Few different moments, so that many snapshots share one.
        return Snapshots.of(
                vm(vm), vmName(vm), pick(NAMES) + "-" + number, moment(), new Labels(description(), tags(), false));
    }

    Labels labels() {
        return new Labels(description(), tags(), random.nextBoolean());
    }

    private Description description() {
        return new Description(pick(WORDS));
    }

    TreeSet<Tag> tags() {
        TreeSet<Tag> tags = new TreeSet<>();
        for (String tag : TAGS) {
            if (random.nextInt(TAGS.size()) == 0) {
                tags.add(new Tag(tag));
            }
        }
        return tags;
    }

    <T> T pick(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }

    int below(int bound) {
        return random.nextInt(bound);
    }
}
