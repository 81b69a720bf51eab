package org.flatsnap.model;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import com.google.gson.annotations.JsonAdapter;
import java.time.Instant;
import java.util.Collection;
import java.util.Collections;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What may change about a snapshot: what people say about it, and what became of the disks it shows. The rest of it never
 * changes.
 *
 * @param description free text
 * @param tags words to find it by, sorted
 * @param held true while it must not be deleted
 * @param gone the disks whose live volume was freed or renamed since, sorted: the manager must not see their images again, also
 *     when it makes a volume of that name
 * @param underWay true until the manager has taken all its disks one by one: nobody is shown it before
 * @param retired since when all its disks are gone; it is freed after a grace period unless it is held
 * @param parent the snapshot before it in the manager's tree
 */
public record Labels(
        Description description,
        SortedSet<Tag> tags,
        boolean held,
        @JsonAdapter(Json.LeftOut.class) SortedSet<DiskName> gone,
        @JsonAdapter(Json.LeftOut.class) boolean underWay,
        Optional<Instant> retired,
        Optional<SnapshotName> parent) {
    /** Nothing said. */
    public static final Labels NONE = new Labels(Description.NONE, Collections.emptySortedSet(), false);

    /** Checks that nothing is missing and copies the sets. */
    public Labels {
        requireNonNull(description, "description");
        tags = sorted(tags);
        // JSON leaves out what is empty.
        gone = sorted(requireNonNullElse(gone, Collections.emptySortedSet()));
        retired = requireNonNullElse(retired, Optional.empty());
        parent = requireNonNullElse(parent, Optional.empty());
    }

    /** What people say; all disks are there and the manager has finished it. */
    public Labels(Description description, SortedSet<Tag> tags, boolean held) {
        this(description, tags, held, Collections.emptySortedSet(), false, Optional.empty(), Optional.empty());
    }

    private static <T> SortedSet<T> sorted(Collection<T> values) {
        return Collections.unmodifiableSortedSet(new TreeSet<>(values));
    }

    /** The same where people say something else. */
    public Labels saying(Description words, SortedSet<Tag> others, boolean hold) {
        return new Labels(words, others, hold, gone, underWay, retired, parent);
    }

    /** The same with other disks gone. */
    public Labels without(SortedSet<DiskName> disks) {
        return new Labels(description, tags, held, disks, underWay, retired, parent);
    }

    /** The same while the manager is at it, or when it has finished. */
    public Labels underWay(boolean begun) {
        return new Labels(description, tags, held, gone, begun, retired, parent);
    }

    /** The same with all its disks gone since this moment. */
    public Labels retired(Instant since) {
        return new Labels(description, tags, held, gone, underWay, Optional.of(since), parent);
    }

    /** The same at another place in the manager's tree. */
    public Labels after(Optional<SnapshotName> before) {
        return new Labels(description, tags, held, gone, underWay, retired, before);
    }
}
