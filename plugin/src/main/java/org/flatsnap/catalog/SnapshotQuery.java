package org.flatsnap.catalog;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import java.util.Collections;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;

/**
 * Which snapshots to find. All that is given must hold; {@link #ALL} gives nothing and so finds every snapshot.
 *
 * <p>Patterns are those of the shell: {@code *}, {@code ?}, {@code [abc]}, {@code [!abc]}; case counts.
 *
 * @param vms any of these VMs; empty for any VM
 * @param vmName a pattern for the VM's display name as {@link Catalog#vms()} has it, or exactly its id
 * @param name a pattern for the snapshot's name
 * @param after taken at this moment or later
 * @param before taken earlier than this moment
 * @param tags all of these
 * @param text contained in name or description, whatever the case
 * @param retired true for those alone that are retired, false for those alone that are in use; empty for both
 * @param order by time
 * @param limit the most snapshots on a page, 1 to {@value #MAX_LIMIT}
 * @param cursor what the previous page of the same query gave as {@link Page#next()}; empty for the first page
 */
public record SnapshotQuery(
        Set<VmId> vms,
        Optional<String> vmName,
        Optional<String> name,
        Optional<Instant> after,
        Optional<Instant> before,
        SortedSet<Tag> tags,
        Optional<String> text,
        Optional<Boolean> retired,
        Order order,
        int limit,
        Optional<String> cursor) {

    /** The largest page. */
    public static final int MAX_LIMIT = 10_000;

    /** Every snapshot, newest first, 100 a page. */
    public static final SnapshotQuery ALL = new SnapshotQuery(
            Set.of(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Collections.emptySortedSet(),
            Optional.empty(),
            Optional.empty(),
            Order.NEWEST_FIRST,
            100,
            Optional.empty());

    /** Checks the limit and copies the sets. Patterns and cursor are checked when the query runs. */
    public SnapshotQuery {
        vms = Set.copyOf(vms);
        requireNonNull(vmName, "vmName");
        requireNonNull(name, "name");
        requireNonNull(after, "after");
        requireNonNull(before, "before");
        tags = Collections.unmodifiableSortedSet(new TreeSet<>(tags));
        requireNonNull(text, "text");
        requireNonNull(retired, "retired");
        requireNonNull(order, "order");
        requireNonNull(cursor, "cursor");
        if (limit < 1 || limit > MAX_LIMIT) {
            throw new Problem(
                    Problem.Code.INVALID,
                    "bad limit " + limit,
                    "a page has 1 to " + MAX_LIMIT + " snapshots",
                    "Ask for fewer and follow the cursor");
        }
    }

    /** Only these VMs. */
    public SnapshotQuery ofVms(Set<VmId> wanted) {
        return new SnapshotQuery(wanted, vmName, name, after, before, tags, text, retired, order, limit, cursor);
    }

    /** Only VMs whose display name matches. */
    public SnapshotQuery ofVmsNamed(String pattern) {
        return new SnapshotQuery(
                vms, Optional.of(pattern), name, after, before, tags, text, retired, order, limit, cursor);
    }

    /** Only snapshots whose name matches. */
    public SnapshotQuery named(String pattern) {
        return new SnapshotQuery(
                vms, vmName, Optional.of(pattern), after, before, tags, text, retired, order, limit, cursor);
    }

    /** Only snapshots taken at that moment or later. */
    public SnapshotQuery after(Instant moment) {
        return new SnapshotQuery(
                vms, vmName, name, Optional.of(moment), before, tags, text, retired, order, limit, cursor);
    }

    /** Only snapshots taken earlier than that moment. */
    public SnapshotQuery before(Instant moment) {
        return new SnapshotQuery(
                vms, vmName, name, after, Optional.of(moment), tags, text, retired, order, limit, cursor);
    }

    /** Only snapshots that have all these tags. */
    public SnapshotQuery tagged(SortedSet<Tag> all) {
        return new SnapshotQuery(vms, vmName, name, after, before, all, text, retired, order, limit, cursor);
    }

    /** Only snapshots with this in name or description. */
    public SnapshotQuery containing(String words) {
        return new SnapshotQuery(
                vms, vmName, name, after, before, tags, Optional.of(words), retired, order, limit, cursor);
    }

    /** Only those that are retired, or only those that are in use. */
    public SnapshotQuery retired(boolean wanted) {
        return new SnapshotQuery(
                vms, vmName, name, after, before, tags, text, Optional.of(wanted), order, limit, cursor);
    }

    /** In this order. */
    public SnapshotQuery ordered(Order other) {
        return new SnapshotQuery(vms, vmName, name, after, before, tags, text, retired, other, limit, cursor);
    }

    /** At most so many on a page. */
    public SnapshotQuery limitedTo(int snapshots) {
        return new SnapshotQuery(vms, vmName, name, after, before, tags, text, retired, order, snapshots, cursor);
    }

    /** The page behind the one that gave this cursor. */
    public SnapshotQuery from(String next) {
        return new SnapshotQuery(
                vms, vmName, name, after, before, tags, text, retired, order, limit, Optional.of(next));
    }
}
