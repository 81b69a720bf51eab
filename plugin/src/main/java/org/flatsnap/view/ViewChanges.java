package org.flatsnap.view;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.CatalogListener;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the kernel forget what a change of the catalog makes untrue in the view, before the one who made the change goes on.
 * Safe for use by several threads.
 */
final class ViewChanges implements CatalogListener {
    private static final Logger LOG = LoggerFactory.getLogger(ViewChanges.class);
    /** A look-up that hangs holds up the kernel; a take must not hang with it. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final Catalog catalog;
    private final TreePaths paths;
    private Optional<MountedTree> mounted = Optional.empty();
    /** Which directories of VMs the kernel may have seen. */
    private Map<String, VmId> shown = Map.of();

    ViewChanges(Catalog catalog, TreePaths paths) {
        this.catalog = catalog;
        this.paths = paths;
    }

    /** From here on the tree is shown there; what changed since it was mounted counts too. */
    void shownBy(MountedTree tree) {
        synchronized (this) {
            mounted = Optional.of(tree);
        }
        replaced();
    }

    @Override
    public void changed(Optional<Snapshot> before, Optional<Snapshot> after) {
        await(() -> {
            if (mounted.isEmpty()) {
                return CompletableFuture.completedFuture(null);
            }
            MountedTree tree = mounted.get();
            before.filter(old ->
                            after.filter(present -> samePlace(old, present)).isEmpty())
                    .ifPresent(old -> tree.entryChanged(day(old), old.name().value()));
            Stream.concat(before.stream(), after.stream()).forEach(snapshot -> around(tree, snapshot));
            return vms(tree);
        });
    }

    @Override
    public void replaced() {
        await(() -> mounted.map(tree -> {
                    vms(tree);
                    return tree.everythingChanged();
                })
                .orElseGet(() -> CompletableFuture.completedFuture(null)));
    }

    /** What is kept was true when it was asked for, and what is asked now fails. */
    @Override
    public void damaged() {}

    private interface Telling {
        CompletableFuture<Void> tell();
    }

    private void await(Telling telling) {
        try {
            CompletableFuture<Void> told;
            synchronized (this) {
                told = telling.tell();
            }
            told.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (Exception e) {
            LOG.warn("the view may show for a while what has changed as it was", e);
        }
    }

    private boolean samePlace(Snapshot one, Snapshot other) {
        return one.name().equals(other.name())
                && one.vm().equals(other.vm())
                && TreePaths.isRetired(one) == TreePaths.isRetired(other)
                && date(one.takenAt()).equals(date(other.takenAt()));
    }

    private LocalDate date(Instant moment) {
        return paths.day(moment);
    }

    private long day(Snapshot snapshot) {
        return Inodes.number("day", snapshot.vm(), date(snapshot.takenAt()));
    }

    /** Times, listings and links; names only where they lead nowhere any more. */
    private void around(MountedTree tree, Snapshot snapshot) {
        long vm = Inodes.number("vm", snapshot.vm());
        tree.nodeChanged(Inodes.number(StoredFile.METADATA, snapshot.id()));
        tree.nodeChanged(Inodes.number(SnapshotTree.DISKS, snapshot.id()));
        tree.nodeChanged(Inodes.number(SnapshotTree.LATEST, snapshot.vm()));
        tree.nodeChanged(day(snapshot));
        LocalDate date = date(snapshot.takenAt());
        if (!paths.has(date, TreePaths.inUse(snapshot.vm()))) {
            tree.entryChanged(vm, date.toString());
        }
        if (catalog.vm(snapshot.vm()).isEmpty()) {
            tree.entryChanged(vm, SnapshotTree.LATEST);
        }
        tree.nodeChanged(vm);
    }

    private CompletableFuture<Void> vms(MountedTree tree) {
        long root = Inodes.number("root");
        Map<String, VmId> present = paths.labels().vms();
        shown.forEach((label, vm) -> {
            if (!vm.equals(present.get(label))) {
                tree.entryChanged(root, label);
            }
        });
        shown = present;
        return tree.nodeChanged(root);
    }
}
