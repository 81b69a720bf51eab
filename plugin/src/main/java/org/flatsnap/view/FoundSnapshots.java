package org.flatsnap.view;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.fuseview.Attributes;
import org.flatsnap.fuseview.Directory;
import org.flatsnap.fuseview.DirectoryEntry;
import org.flatsnap.fuseview.Node;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;

/**
 * What a query finds, as links into the tree. A link is named {@code <vm>@<name>}, as ZFS names snapshots, or by the snapshot's id
 * where that would be too long or could mean another one, and where the snapshot is retired: a VM of the same name may have
 * one of the same name.
 */
final class FoundSnapshots implements Directory {
    private static final String KIND = "found";
    private static final char SEPARATOR = '@';
    /** NAME_MAX of {@code linux/limits.h}. */
    private static final int LONGEST_NAME = 255;

    private final Catalog catalog;
    private final TreePaths paths;
    private final ViewAccess access;
    private final SnapshotQuery query;
    private final String identity;

    /** @param identity the directory's path from the root of the view; two levels below it */
    FoundSnapshots(Catalog catalog, TreePaths paths, ViewAccess access, SnapshotQuery query, String identity) {
        this.catalog = catalog;
        this.paths = paths;
        this.access = access;
        this.query = query;
        this.identity = identity;
    }

    static long inode(String identity) {
        return Inodes.number(KIND, identity);
    }

    /** What it finds changes with every snapshot, and with the time of day. */
    @Override
    public boolean isKept() {
        return false;
    }

    @Override
    public Attributes attributes() {
        Instant newest = catalog.query(query.limitedTo(1)).snapshots().stream()
                .findFirst()
                .map(Snapshot::takenAt)
                .orElse(Instant.EPOCH);
        return Inodes.directory(access, KIND, newest, identity);
    }

    @Override
    public Optional<Node> child(String name) {
        return named(name).filter(this::matches).flatMap(snapshot -> paths.of(snapshot)
                .map(path ->
                        new Link(access, KIND, "../../" + path, snapshot.takenAt(), List.of(identity, snapshot.id()))));
    }

    private Optional<Snapshot> named(String name) {
        for (int at = name.indexOf(SEPARATOR); at >= 0; at = name.indexOf(SEPARATOR, at + 1)) {
            Optional<Snapshot> found = paths.find(name.substring(0, at), name.substring(at + 1));
            if (found.isPresent()) {
                return found;
            }
        }
        return SnapshotId.looksLikeOne(name) ? catalog.find(new SnapshotId(name)) : Optional.empty();
    }

    private boolean matches(Snapshot snapshot) {
        Instant moment = snapshot.takenAt();
        if (query.after().filter(moment::isBefore).isPresent()
                || query.before().filter(before -> !moment.isBefore(before)).isPresent()) {
            return false;
        }
        // Few have one VM and one moment in common.
        SnapshotQuery alone = query.ofVms(Set.of(snapshot.vm())).after(moment).before(moment.plusNanos(1));
        return catalog.query(alone).snapshots().stream()
                .anyMatch(found -> found.id().equals(snapshot.id()));
    }

    @Override
    public void forEachEntry(Consumer<DirectoryEntry> consumer) {
        paths.forEachSnapshot(
                query,
                snapshot -> consumer.accept(new DirectoryEntry(
                        linkName(snapshot), Node.Kind.SYMBOLIC_LINK, Inodes.number(KIND, identity, snapshot.id()))));
    }

    private String linkName(Snapshot snapshot) {
        return Optional.of(snapshot)
                .filter(found -> !TreePaths.isRetired(found))
                .flatMap(found -> paths.label(found.vm()))
                .map(label -> label + SEPARATOR + snapshot.name())
                .filter(name -> name.getBytes(StandardCharsets.UTF_8).length <= LONGEST_NAME)
                .filter(name -> name.indexOf(SEPARATOR) == name.lastIndexOf(SEPARATOR)
                        || named(name).filter(snapshot::equals).isPresent())
                .orElse(snapshot.id().value());
    }
}
