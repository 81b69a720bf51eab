package org.flatsnap.model;

import static java.util.Objects.requireNonNull;

import java.util.Collections;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What people say about a snapshot and may change later; the rest of it never changes.
 *
 * @param description free text
 * @param tags words to find it by, sorted
 * @param held true while it must not be deleted
 */
public record Labels(Description description, SortedSet<Tag> tags, boolean held) {
    /** Nothing said. */
    public static final Labels NONE = new Labels(Description.NONE, Collections.emptySortedSet(), false);

    /** Checks that nothing is missing and copies the tags. */
    public Labels {
        requireNonNull(description, "description");
        tags = Collections.unmodifiableSortedSet(new TreeSet<>(tags));
    }
}
