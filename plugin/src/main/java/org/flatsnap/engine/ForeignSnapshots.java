package org.flatsnap.engine;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;
import static java.util.stream.Collectors.toSet;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
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
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.store.ForeignImage;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows in the catalog what others took of VMs' disks. Images of one name are one snapshot, because that is how such tools name
 * them; they are torn unless they are of one moment. What is shown of a VM changes only with the VM's lock in hand and no
 * rollback of it decided: in the middle of one, a disk leads nowhere for a moment, and its images seem to be gone. Safe for use
 * by several threads.
 */
final class ForeignSnapshots {
    private static final Logger LOG = LoggerFactory.getLogger(ForeignSnapshots.class);

    private final References references;
    private final Stores stores;
    private final Manager manager;
    private final Catalog catalog;

    private final Function<Store, List<ForeignImage>> images;

    /** What the catalog shows of each store's VMs, once it was looked through. */
    private final Map<StoreId, Map<VmId, Set<SnapshotId>>> shown = new HashMap<>();

    /** Of some VM it could not be told at the last look. */
    private boolean waiting;

    /** @param images what others took on a store, {@link Store#foreign} */
    ForeignSnapshots(
            References references,
            Stores stores,
            Manager manager,
            Catalog catalog,
            Function<Store, List<ForeignImage>> images) {
        this.references = references;
        this.stores = stores;
        this.manager = manager;
        this.catalog = catalog;
        this.images = images;
    }

    /** Makes the catalog agree with the stores; what cannot be told now stays as it was. */
    synchronized void refresh() {
        waiting = false;
        for (Store store : stores.open()) {
            try {
                refresh(store);
            } catch (Problem e) {
                LOG.warn("the snapshots of others on {} are not up to date: {}", store.place(), e.getMessage());
            }
        }
    }

    /** The same, if the last time something could not be told because of work on a VM. */
    synchronized void again() {
        if (waiting) {
            refresh();
        }
    }

    private void refresh(Store store) {
        Map<VmId, Set<SnapshotId>> before = shown.computeIfAbsent(store.id(), this::inCatalog);
        Set<VmId> changed = changed(before, look(store));
        Set<VmId> free = new HashSet<>();
        Deque<VmLock> held = new ArrayDeque<>();
        try {
            // Together, because a tool takes snapshots of all VMs at once, and each look goes through the whole store.
            for (VmId vm : changed) {
                stores.lockIfFree(vm, List.of(store.id())).ifPresent(lock -> {
                    held.push(lock);
                    free.add(vm);
                });
            }
            update(store, free);
        } finally {
            held.forEach(VmLock::close);
        }
        changed.removeAll(free);
        for (VmId vm : changed) {
            try (VmLock lock = stores.lock(vm, List.of(store.id()))) {
                update(store, Set.of(vm));
            } catch (Problem e) {
                if (e.code() != Code.BUSY) {
                    throw e;
                }
                waiting = true;
                LOG.info("what others took of VM {} is shown as it was: {}", vm, e.why());
            }
        }
    }

    /** The VMs of which something else seems to be there than the catalog shows. */
    private Set<VmId> changed(Map<VmId, Set<SnapshotId>> before, Map<VmId, List<Group>> seen) {
        Set<VmId> changed = new HashSet<>();
        Map<VmId, Set<SnapshotId>> present = new HashMap<>();
        seen.forEach((vm, groups) -> {
            for (Group group : groups) {
                Snapshot snapshot = group.snapshot(name(group));
                present.computeIfAbsent(vm, unused -> new HashSet<>()).add(snapshot.id());
                if (!catalog.find(snapshot.id()).equals(Optional.of(snapshot))) {
                    changed.add(vm);
                }
            }
        });
        before.forEach((vm, ids) -> {
            if (ids.stream()
                    .anyMatch(id ->
                            shows(id) && !present.getOrDefault(vm, Set.of()).contains(id))) {
                changed.add(vm);
            }
        });
        return changed;
    }

    /** The caller holds the locks of these VMs. */
    private void update(Store store, Set<VmId> vms) {
        Set<VmId> settled =
                vms.stream().filter(vm -> store.intent(vm).isEmpty()).collect(toSet());
        waiting |= settled.size() < vms.size();
        if (settled.isEmpty()) {
            return;
        }
        Map<VmId, List<Group>> seen = look(store);
        Map<VmId, Set<SnapshotId>> before = shown.get(store.id());
        for (VmId vm : settled) {
            List<Group> groups = seen.getOrDefault(vm, List.of());
            Set<SnapshotId> present = groups.stream().map(Group::id).collect(toSet());
            // First, because another one may have got the name of one that is gone.
            for (SnapshotId id : before.getOrDefault(vm, Set.of())) {
                if (!present.contains(id) && shows(id)) {
                    catalog.remove(id);
                }
            }
            before.put(vm, present);
            groups.forEach(group -> catalog.put(group.snapshot(name(group))));
        }
    }

    private boolean shows(SnapshotId id) {
        return catalog.find(id).filter(Snapshot::untouchable).isPresent();
    }

    private Map<VmId, Set<SnapshotId>> inCatalog(StoreId store) {
        Map<VmId, Set<SnapshotId>> ids = new HashMap<>();
        SnapshotQuery query = SnapshotQuery.ALL.limitedTo(1000);
        while (true) {
            Page page = catalog.query(query);
            page.snapshots().stream()
                    .filter(snapshot ->
                            snapshot.untouchable() && snapshot.home().equals(store))
                    .forEach(snapshot -> ids.computeIfAbsent(snapshot.vm(), unused -> new HashSet<>())
                            .add(snapshot.id()));
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

    private Map<VmId, List<Group>> look(Store store) {
        List<ForeignImage> found = images.apply(store);
        Map<VmId, List<Group>> groups = new HashMap<>();
        if (!found.isEmpty()) {
            manager.vms().forEach(vm -> groups.put(vm.id(), groups(vm, store.id(), found)));
        }
        return groups;
    }

    private static List<Group> groups(Vm vm, StoreId store, List<ForeignImage> images) {
        Map<Path, DiskName> disks = new HashMap<>();
        for (Disk disk : vm.disks()) {
            if (disk.kind() != Disk.Kind.OTHER && disk.source().startsWith("/")) {
                disks.put(LivePath.of(disk.source()), disk.name());
            }
        }
        Map<String, List<ForeignImage>> byName = images.stream()
                .filter(image -> disks.containsKey(image.source()))
                .collect(groupingBy(ForeignImage::name, LinkedHashMap::new, toList()));
        List<Group> groups = new ArrayList<>();
        for (List<ForeignImage> sameName : byName.values()) {
            eachDiskOnce(sameName).forEach(parts -> groups.add(new Group(vm, store, disks, parts)));
        }
        return groups;
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

    /** The images of one snapshot, the earliest first. */
    private record Group(Vm vm, StoreId store, Map<Path, DiskName> disks, List<ForeignImage> parts) {
        ForeignImage first() {
            return parts.get(0);
        }

        /** The same for the same images, on every look. */
        private UUID identity() {
            return UUID.nameUUIDFromBytes((vm.id() + "/" + first().guid()).getBytes(StandardCharsets.UTF_8));
        }

        SnapshotId id() {
            return SnapshotId.of(first().created(), (int) identity().getMostSignificantBits());
        }

        Snapshot snapshot(SnapshotName name) {
            List<DiskImage> images = new ArrayList<>();
            for (ForeignImage part : parts) {
                images.add(new DiskImage(
                        disks.get(part.source()),
                        store,
                        part.source().toString(),
                        part.bytes(),
                        Optional.of(part.guid())));
            }
            boolean torn = parts.stream().anyMatch(part -> part.moment() != first().moment());
            return new Snapshot(
                    id(),
                    vm.id(),
                    vm.name(),
                    name,
                    first().created(),
                    Labels.NONE,
                    Optional.empty(),
                    Optional.of(new Snapshot.Foreign(first().name(), false)),
                    new Quiescence(
                            Consistency.CRASH,
                            Consistency.CRASH,
                            VmState.RUNNING,
                            0,
                            0,
                            torn,
                            "taken by others; whether the guest ran is not known"),
                    store,
                    images,
                    Optional.empty(),
                    OperationId.parse(identity().toString()));
        }
    }

    /** Its maker's name, unless that cannot be a name here or is taken. */
    private SnapshotName name(Group group) {
        String given = group.first().name();
        try {
            SnapshotName name = new SnapshotName(given);
            if (catalog.find(group.vm().id(), name)
                    .filter(other -> !other.id().equals(group.id()))
                    .isEmpty()) {
                return name;
            }
        } catch (Problem e) {
            LOG.debug("{} is shown under another name: {}", given, e.getMessage());
        }
        return new SnapshotName("foreign-" + group.first().guid());
    }
}
