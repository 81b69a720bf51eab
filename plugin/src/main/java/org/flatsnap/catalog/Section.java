package org.flatsnap.catalog;

import java.util.Comparator;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;

/**
 * One VM's snapshots that are in use, or those of its that are retired: each has its own run of keys and its own row, as if they
 * were two VMs.
 */
record Section(VmId vm, boolean retired) implements Comparable<Section> {
    // No VM's id contains it.
    private static final String RETIRED = "!";
    private static final Comparator<Section> ORDER =
            Comparator.comparing(Section::vm).thenComparing(Section::retired);

    static Section of(Snapshot snapshot) {
        return new Section(snapshot.vm(), snapshot.labels().retired().isPresent());
    }

    static Section used(VmId vm) {
        return new Section(vm, false);
    }

    static Section retiredOf(VmId vm) {
        return new Section(vm, true);
    }

    /** What {@link #word()} gave. */
    static Section parse(String word) {
        return word.endsWith(RETIRED)
                ? retiredOf(new VmId(word.substring(0, word.length() - RETIRED.length())))
                : used(new VmId(word));
    }

    /** Stands for it in keys. */
    String word() {
        return retired ? vm.value() + RETIRED : vm.value();
    }

    @Override
    public int compareTo(Section other) {
        return ORDER.compare(this, other);
    }
}
