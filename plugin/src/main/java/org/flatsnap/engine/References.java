package org.flatsnap.engine;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.catalog.VmEntry;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds what people mean by the name or id of a VM or snapshot. */
final class References {
    private static final Logger LOG = LoggerFactory.getLogger(References.class);

    private final Manager manager;
    private final Catalog catalog;

    References(Manager manager, Catalog catalog) {
        this.manager = manager;
        this.catalog = catalog;
    }

    /** A VM that the manager has now. */
    Vm vm(String nameOrId) {
        List<Vm> matches = manager.vmsNow().stream()
                .filter(vm -> vm.id().meantBy(nameOrId) || vm.name().value().equals(nameOrId))
                .toList();
        return only(nameOrId, matches, matches.stream().map(Vm::id).toList()).orElseThrow(() -> unknownVm(nameOrId));
    }

    /** The state of a VM now, which may differ from a moment ago. */
    Vm again(Vm vm) {
        return manager.find(vm.id()).orElseThrow(() -> unknownVm(vm.id().value()));
    }

    /** A VM that the manager has or that has snapshots; works while the manager is away. */
    VmId vmId(String nameOrId) {
        List<VmId> known = meant(nameOrId, catalog.vms());
        List<VmId> retired = meant(nameOrId, catalog.retiredVms());
        Optional<VmId> whole = Stream.concat(known.stream(), retired.stream())
                .filter(vm -> vm.value().equals(nameOrId))
                .findFirst();
        // Of a VM that is gone, what is retired must not stand in the way of those that are there.
        return whole.or(() -> living(nameOrId))
                .or(() -> only(nameOrId, known, known))
                .or(() -> only(nameOrId, retired, retired))
                .orElseGet(() -> vm(nameOrId).id());
    }

    private static List<VmId> meant(String nameOrId, List<VmEntry> among) {
        return among.stream()
                .filter(entry ->
                        entry.vm().meantBy(nameOrId) || entry.name().value().equals(nameOrId))
                .map(VmEntry::vm)
                .toList();
    }

    /** A number or name may have been another VM's before: of those that are meant, the one that is there now. */
    private Optional<VmId> living(String nameOrId) {
        if (manager.snapshots().isEmpty()) {
            return Optional.empty();
        }
        try {
            List<VmId> there = manager.vms().stream()
                    .filter(vm -> vm.id().meantBy(nameOrId) || vm.name().value().equals(nameOrId))
                    .map(Vm::id)
                    .toList();
            return there.size() == 1 ? Optional.of(there.get(0)) : Optional.empty();
        } catch (Problem e) {
            // What is known without the manager has to do.
            LOG.debug("whether VM {} is there now is not known", nameOrId, e);
            return Optional.empty();
        }
    }

    private static <T> Optional<T> only(String nameOrId, List<T> matches, List<VmId> ids) {
        if (matches.size() > 1) {
            throw new Problem(
                    Code.INVALID,
                    "cannot tell which VM is meant by '" + nameOrId + "'",
                    matches.size() + " VMs have that name",
                    "Use the id: " + ids.stream().map(VmId::value).collect(Collectors.joining(", ")));
        }
        return matches.stream().findFirst();
    }

    /** Every VM, whether it has snapshots, or stands at the manager, or both. */
    KnownVms known() {
        Map<VmId, Set<VmName>> names = new TreeMap<>();
        Stream.concat(catalog.vms().stream(), catalog.retiredVms().stream())
                .forEach(entry ->
                        names.computeIfAbsent(entry.vm(), vm -> new TreeSet<>()).add(entry.name()));
        Optional<Problem> unasked = Optional.empty();
        try {
            manager.vms().forEach(vm -> names.computeIfAbsent(vm.id(), id -> new TreeSet<>())
                    .add(vm.name()));
        } catch (Problem e) {
            unasked = Optional.of(e);
        }
        return new KnownVms(names, unasked);
    }

    static Problem unknownVm(String nameOrId) {
        return new Problem(
                Code.NOT_FOUND, "unknown VM '" + nameOrId + "'", "no VM has that name or id", "See 'flatsnap vms'");
    }

    /** A snapshot of a VM by name or id, or {@code latest}; of one name, what is in use comes before what is retired. */
    Snapshot snapshot(VmId vm, String nameOrId) {
        Optional<Snapshot> found;
        if (nameOrId.equals("latest")) {
            found = catalog.newest(vm);
        } else if (SnapshotId.looksLikeOne(nameOrId)) {
            found = catalog.find(new SnapshotId(nameOrId))
                    .filter(snapshot ->
                            snapshot.vm().equals(vm) && !snapshot.labels().underWay());
        } else {
            found = catalog.find(vm, new SnapshotName(nameOrId));
        }
        return found.orElseThrow(() -> new Problem(
                Code.NOT_FOUND,
                "unknown snapshot '" + nameOrId + "'",
                "the VM has no snapshot of that name or id",
                "See 'flatsnap list'"));
    }

    /** The same, to be changed or worked with: one that others took has to be adopted first. */
    Snapshot ownSnapshot(VmId vm, String nameOrId) {
        Snapshot found = snapshot(vm, nameOrId);
        if (found.untouchable()) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot work with snapshot " + found.name(),
                    "flatsnap did not take it, so it is only shown",
                    "Take it over first: flatsnap adopt " + found.vmName() + " " + found.name());
        }
        return found;
    }

    /**
     * What is meant has to be looked up before the VM's lock can be taken, and by then a name or {@code latest} may mean
     * another snapshot: this refuses to work with one that is not meant any more.
     */
    static void refuseOther(Snapshot meant, Snapshot now) {
        if (!meant.id().equals(now.id())) {
            throw new Problem(
                    Code.BUSY,
                    "cannot work with snapshot " + meant.name() + " of VM " + meant.vmName(),
                    "another operation made " + now.name() + " (" + now.id() + ") the one that is meant",
                    "Try again");
        }
    }

    /** The newest guard of a VM that is one of these: what an undo goes back to. */
    Optional<Snapshot> newestGuard(VmId vm, Predicate<Snapshot> which) {
        SnapshotQuery query = SnapshotQuery.ALL.ofVms(Set.of(vm)).retired(false);
        while (true) {
            Page page = catalog.query(query);
            Optional<Snapshot> guard = page.snapshots().stream()
                    .filter(snapshot -> snapshot.guard().isPresent())
                    .filter(which)
                    .findFirst();
            if (guard.isPresent() || page.next().isEmpty()) {
                return guard;
            }
            query = query.from(page.next().get());
        }
    }
}
