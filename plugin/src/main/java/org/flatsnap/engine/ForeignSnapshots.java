package org.flatsnap.engine;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmState;
import org.flatsnap.store.ForeignImage;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows in the catalog what others took of VMs' disks. Images of one name are one snapshot, because that is how such tools name
 * them; they are torn unless they are of one moment.
 */
final class ForeignSnapshots {
    private static final Logger LOG = LoggerFactory.getLogger(ForeignSnapshots.class);

    private final References references;
    private final Stores stores;
    private final Manager manager;
    private final Catalog catalog;

    /** What the catalog shows of each store, once it was looked through. */
    private final Map<StoreId, Set<SnapshotId>> shown = new HashMap<>();

    ForeignSnapshots(References references, Stores stores, Manager manager, Catalog catalog) {
        this.references = references;
        this.stores = stores;
        this.manager = manager;
        this.catalog = catalog;
    }

    /** Makes the catalog agree with the stores; what cannot be told now stays as it was. */
    synchronized void refresh() {
        for (Store store : stores.open()) {
            try {
                refresh(store);
            } catch (Problem e) {
                LOG.warn("the snapshots of others on {} are not up to date: {}", store.place(), e.getMessage());
            }
        }
    }

    private void refresh(Store store) {
        List<ForeignImage> images = store.foreign();
        Set<SnapshotId> gone = shown.computeIfAbsent(store.id(), this::inCatalog);
        Set<SnapshotId> present = new HashSet<>();
        if (!images.isEmpty()) {
            manager.vms().forEach(vm -> show(vm, store, images, present));
        }
        gone.removeAll(present);
        for (SnapshotId id : gone) {
            if (catalog.find(id).filter(Snapshot::untouchable).isPresent()) {
                catalog.remove(id);
            }
        }
        shown.put(store.id(), present);
    }

    private Set<SnapshotId> inCatalog(StoreId store) {
        Set<SnapshotId> ids = new HashSet<>();
        SnapshotQuery query = SnapshotQuery.ALL.limitedTo(1000);
        while (true) {
            Page page = catalog.query(query);
            page.snapshots().stream()
                    .filter(snapshot ->
                            snapshot.untouchable() && snapshot.home().equals(store))
                    .forEach(snapshot -> ids.add(snapshot.id()));
            if (page.next().isEmpty()) {
                return ids;
            }
            query = query.from(page.next().get());
        }
    }

    /** Takes one over; not while the stores are being looked at, or it would be shown as foreign again. */
    synchronized Snapshot adopt(OperationId operation, String vm, String snapshot) {
        Snapshot named = references.snapshot(references.vmId(vm), snapshot);
        if (named.foreign().isPresent() && named.operation().equals(operation)) {
            // By a first try that did not come to tell of it.
            return named;
        }
        if (!named.untouchable()) {
            throw own(named);
        }
        try (VmLock lock = stores.lock(named.vm(), named.stores())) {
            Store home = stores.require(named.home());
            // Recovery may have brought a first try to its end while this one waited.
            Optional<Snapshot> earlier = home.read(named.vm(), named.id());
            if (earlier.filter(other -> !other.operation().equals(operation)).isPresent()) {
                throw own(named);
            }
            Snapshot adopted = earlier.orElseGet(() -> named.adopted(operation));
            if (earlier.isEmpty()) {
                home.adopt(adopted);
            }
            catalog.put(adopted);
            return adopted;
        }
    }

    private static Problem own(Snapshot snapshot) {
        return new Problem(
                Code.EXISTS, "cannot adopt snapshot " + snapshot.name(), "it is flatsnap's own", "There is no need to");
    }

    private void show(Vm vm, Store store, List<ForeignImage> images, Set<SnapshotId> present) {
        Map<Path, DiskName> disks = new HashMap<>();
        for (Disk disk : vm.disks()) {
            if (disk.kind() != Disk.Kind.OTHER && disk.source().startsWith("/")) {
                disks.put(LivePath.of(disk.source()), disk.name());
            }
        }
        Map<String, List<ForeignImage>> byName = images.stream()
                .filter(image -> disks.containsKey(image.source()))
                .collect(groupingBy(ForeignImage::name, LinkedHashMap::new, toList()));
        for (List<ForeignImage> sameName : byName.values()) {
            for (List<ForeignImage> parts : eachDiskOnce(sameName)) {
                Snapshot snapshot = snapshot(vm, store, parts, disks);
                present.add(snapshot.id());
                catalog.put(snapshot);
            }
        }
    }

    /** A name that was used again, after a rollback had set the disk aside, is another snapshot. */
    private static List<List<ForeignImage>> eachDiskOnce(List<ForeignImage> images) {
        List<List<ForeignImage>> groups = new ArrayList<>();
        for (ForeignImage image : images) {
            Optional<List<ForeignImage>> open = groups.stream()
                    .filter(group ->
                            group.stream().noneMatch(other -> other.source().equals(image.source())))
                    .findFirst();
            if (open.isPresent()) {
                open.get().add(image);
            } else {
                groups.add(new ArrayList<>(List.of(image)));
            }
        }
        return groups;
    }

    private Snapshot snapshot(Vm vm, Store store, List<ForeignImage> parts, Map<Path, DiskName> disks) {
        ForeignImage first = parts.get(0);
        List<DiskImage> images = new ArrayList<>();
        for (ForeignImage part : parts) {
            images.add(new DiskImage(
                    disks.get(part.source()),
                    store.id(),
                    part.source().toString(),
                    part.bytes(),
                    Optional.of(part.guid())));
        }
        // The same for the same images, on every look.
        UUID identity = UUID.nameUUIDFromBytes((vm.id() + "/" + first.guid()).getBytes(StandardCharsets.UTF_8));
        SnapshotId id = SnapshotId.of(first.created(), (int) identity.getMostSignificantBits());
        boolean torn = parts.stream().anyMatch(part -> part.moment() != first.moment());
        return new Snapshot(
                id,
                vm.id(),
                vm.name(),
                name(vm, id, first),
                first.created(),
                Labels.NONE,
                Optional.empty(),
                Optional.of(new Snapshot.Foreign(first.name(), false)),
                new Quiescence(
                        Consistency.CRASH,
                        Consistency.CRASH,
                        VmState.RUNNING,
                        0,
                        0,
                        torn,
                        "taken by others; whether the guest ran is not known"),
                store.id(),
                images,
                Optional.empty(),
                OperationId.parse(identity.toString()));
    }

    /** Its maker's name, unless that cannot be a name here or is taken. */
    private SnapshotName name(Vm vm, SnapshotId id, ForeignImage image) {
        try {
            SnapshotName name = new SnapshotName(image.name());
            if (catalog.find(vm.id(), name)
                    .filter(other -> !other.id().equals(id))
                    .isEmpty()) {
                return name;
            }
        } catch (Problem e) {
            LOG.debug("{} is shown under another name: {}", image.name(), e.getMessage());
        }
        return new SnapshotName("foreign-" + image.guid());
    }
}
