package org.flatsnap.engine;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.flatsnap.model.Disk;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Place;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.store.KnownStores;
import org.flatsnap.store.Reserve;
import org.flatsnap.store.Store;
import org.flatsnap.store.StorePlace;
import org.flatsnap.store.StoreStatus;
import org.flatsnap.store.VmLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stores that are configured or were made known since, each open or known to be out of reach. One that cannot be opened
 * does not keep the daemon from serving the others. Safe for use by several threads.
 */
public final class Stores implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Stores.class);

    private final Set<StorePlace> configured;
    private final Set<StorePlace> places;
    private final Map<StorePlace, Reserve> reserves;
    private final Duration patience;
    private final KnownStores known;
    private final Map<StorePlace, Store> open = new LinkedHashMap<>();
    private final Map<StorePlace, Problem> closed = new LinkedHashMap<>();

    /**
     * Opens what can be opened.
     *
     * @param known which store was last at which place
     * @param patience how long to wait for a VM that another operation works on
     */
    public Stores(List<StorePlace> configured, KnownStores known, Duration patience) {
        this(configured, Map.of(), known, patience);
    }

    /**
     * The same with room that is left to guests.
     *
     * @param reserves where it is not {@link Reserve#DEFAULT}
     */
    public Stores(
            List<StorePlace> configured, Map<StorePlace, Reserve> reserves, KnownStores known, Duration patience) {
        this.configured = Set.copyOf(configured);
        this.places = new LinkedHashSet<>(configured);
        known.added().forEach(place -> places.add(StorePlace.of(place)));
        this.reserves = Map.copyOf(reserves);
        this.known = known;
        this.patience = patience;
        openMissing();
    }

    /** Tries again to open those that could not be; gives the ones that could be now. */
    public synchronized List<Store> openMissing() {
        List<Store> opened = new ArrayList<>();
        for (StorePlace place : places) {
            if (!open.containsKey(place)) {
                try {
                    opened.add(open(place));
                } catch (Problem e) {
                    if (closed.put(place, e) == null) {
                        LOG.warn("{}", e.getMessage());
                    }
                }
            }
        }
        return opened;
    }

    private Store open(StorePlace place) {
        refuseNested(place);
        Store store = place.open(known.at(place));
        refuseTwin(place, store);
        known.remember(place, store.id());
        open.put(place, store);
        closed.remove(place);
        return store;
    }

    /**
     * Uses the store at a place from now on, also after a restart.
     *
     * @return the store if it was not open before
     * @throws Problem if it cannot be opened; then nothing is remembered
     */
    synchronized Optional<Store> use(Place named) {
        StorePlace place = StorePlace.of(named);
        if (open.containsKey(place)) {
            return Optional.empty();
        }
        Store store = open(place);
        if (places.add(place)) {
            known.add(place);
        }
        return Optional.of(store);
    }

    /**
     * Uses the store at a place no more, unless the configuration names it. Nothing on it is touched.
     *
     * @return which it was, if it was open
     */
    synchronized Optional<StoreId> forget(Place named) {
        StorePlace place = StorePlace.of(named);
        if (configured.contains(place) || !places.contains(place)) {
            return Optional.empty();
        }
        known.forget(place);
        places.remove(place);
        closed.remove(place);
        Optional<Store> store = Optional.ofNullable(open.remove(place));
        store.ifPresent(Store::close);
        return store.map(Store::id);
    }

    /** The store at a place; a {@link Problem} if it is out of reach or not used. */
    synchronized Store at(Place named) {
        StorePlace place = StorePlace.of(named);
        Store store = open.get(place);
        if (store != null) {
            return store;
        }
        Problem obstacle = closed.get(place);
        if (obstacle != null) {
            throw obstacle;
        }
        throw new Problem(
                Code.NOT_FOUND,
                "cannot use the store " + named,
                "flatsnapd has not been told of it",
                "'pvesm status' tells it of every storage that Proxmox VE has; elsewhere, add its [[store]] to"
                        + " /etc/flatsnap/flatsnap.toml and restart flatsnapd");
    }

    private void refuseTwin(StorePlace place, Store store) {
        for (Store other : open.values()) {
            if (other.id().equals(store.id())) {
                throw new Problem(
                        Code.UNSUPPORTED,
                        "cannot use the store " + place,
                        "it has the identity of " + other.place()
                                + ": one is a copy of the other, or both are the same",
                        "Name each store once, in /etc/flatsnap/flatsnap.toml or as a storage of Proxmox VE");
            }
        }
    }

    private void refuseNested(StorePlace place) {
        for (StorePlace other : open.keySet()) {
            if (place.nests(other) || other.nests(place)) {
                throw new Problem(
                        Code.UNSUPPORTED,
                        "cannot use the store " + place,
                        "it and the store " + other
                                + " lie within each other, so each would take the other's work for its own",
                        "Name only the upper one, in /etc/flatsnap/flatsnap.toml or as a storage of Proxmox VE");
            }
        }
    }

    /** Those that can be used. */
    public synchronized List<Store> open() {
        return List.copyOf(open.values());
    }

    /** Those that cannot, and why. */
    public synchronized Map<StorePlace, Problem> closed() {
        return Map.copyOf(closed);
    }

    /** The store on which this disk lies: the deepest one, if several do. */
    public Optional<Store> covering(Path disk) {
        return open().stream()
                .filter(store -> store.covers(disk))
                .max(Comparator.comparingInt(store -> store.place().toString().length()));
    }

    /** One store, if it is open. */
    public Optional<Store> find(StoreId id) {
        return open().stream().filter(store -> store.id().equals(id)).findFirst();
    }

    /** One store; a {@link Problem} if it is out of reach. */
    public Store require(StoreId id) {
        return find(id).orElseThrow(() -> new Problem(
                Code.UNAVAILABLE,
                "cannot reach the store " + id,
                "it is not mounted, or not used any more",
                "Mount it, add its [[store]] to /etc/flatsnap/flatsnap.toml, or its storage to Proxmox VE;"
                        + " 'flatsnap doctor' tells more"));
    }

    /** What an operation answered, if one of the stores within reach has kept it. */
    Optional<String> answer(OperationId operation) {
        for (Store store : open()) {
            try {
                Optional<String> answer = store.answer(operation);
                if (answer.isPresent()) {
                    return answer;
                }
            } catch (Problem e) {
                LOG.warn("{}", e.getMessage());
            }
        }
        return Optional.empty();
    }

    /** Has a store keep the answer to an operation, as well as it can: the catalog has it too. */
    void keepAnswer(StoreId id, OperationId operation, String answer) {
        try {
            require(id).keepAnswer(operation, answer);
        } catch (Problem e) {
            LOG.info("only the catalog knows the answer to operation {}: {}", operation, e.why());
        }
    }

    /** Excludes all others from changing anything about a VM: on every store that has a disk of it, and on these. */
    VmLock lock(Vm vm, Collection<StoreId> ids) {
        return lock(vm.id(), withDisks(vm, ids));
    }

    private List<StoreId> withDisks(Vm vm, Collection<StoreId> ids) {
        List<StoreId> all = new ArrayList<>(ids);
        for (Disk disk : vm.disks()) {
            if (disk.kind() != Disk.Kind.OTHER && disk.source().startsWith("/")) {
                covering(LivePath.of(disk.source())).map(Store::id).ifPresent(all::add);
            }
        }
        return all;
    }

    /** Excludes all others from changing anything about a VM on these stores. */
    VmLock lock(VmId vm, Collection<StoreId> ids) {
        return all(ids, store -> store.lock(vm, patience));
    }

    /** The same without waiting; nothing if somebody is at work on it. */
    Optional<VmLock> lockIfFree(VmId vm, Collection<StoreId> ids) {
        return ifFree(() -> all(ids, store -> store.lock(vm, Duration.ZERO)));
    }

    /**
     * Excludes all others from working on a rollback of the VM: on every store that has a disk of it, and on these, because
     * rollbacks of different disks stop and start the same VM.
     */
    VmLock lockRollback(Vm vm, Collection<StoreId> ids) {
        return all(withDisks(vm, ids), store -> store.lockRollback(vm.id(), patience));
    }

    /** The right to finish one that somebody else decided, without waiting; nothing if somebody is at work on it. */
    Optional<VmLock> lockRollbackIfFree(VmId vm, StoreId primary) {
        return ifFree(() -> require(primary).lockRollback(vm, Duration.ZERO));
    }

    private static Optional<VmLock> ifFree(Supplier<VmLock> lock) {
        try {
            return Optional.of(lock.get());
        } catch (Problem e) {
            if (e.code() == Code.BUSY) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private VmLock all(Collection<StoreId> ids, Function<Store, VmLock> lock) {
        Deque<VmLock> held = new ArrayDeque<>();
        try {
            // Always in the same order, so that two operations never wait for each other.
            for (StoreId id : ids.stream().distinct().sorted().toList()) {
                held.push(lock.apply(require(id)));
            }
        } catch (Problem e) {
            held.forEach(VmLock::close);
            throw e;
        }
        return () -> held.forEach(VmLock::close);
    }

    /** Closes them all, for good. */
    @Override
    public synchronized void close() {
        // Housekeeping that is under way would open them again, and begin on what another engine does by then.
        places.clear();
        open.values().forEach(Store::close);
        open.clear();
    }

    /** The room on a store that snapshots leave to the guests, in bytes. */
    synchronized long reserve(Store store, StoreStatus status) {
        return open.entrySet().stream()
                .filter(entry -> entry.getValue().equals(store))
                .findFirst()
                .map(entry -> reserves.getOrDefault(entry.getKey(), Reserve.DEFAULT))
                .orElse(Reserve.DEFAULT)
                .of(status.totalBytes());
    }

    /** Refuses what would let guests write into the room that is left to them. */
    void refuseFull(String what, Collection<StoreId> ids) {
        for (StoreId id : ids) {
            Store store = require(id);
            StoreStatus status = store.status();
            long reserve = reserve(store, status);
            if (status.availableBytes() < reserve) {
                throw new Problem(
                        Code.NO_SPACE,
                        what,
                        "the store " + store.place() + " has " + Size.text(status.availableBytes()) + " free, and "
                                + Size.text(reserve) + " are reserved for what guests write",
                        "Delete snapshots that are not needed ('flatsnap space VM' tells what that frees), enlarge the file"
                                + " system, or lower 'reserve' of this [[store]] in /etc/flatsnap/flatsnap.toml");
            }
        }
    }

    /** Refuses work on a VM whose rollback has been decided and not finished. */
    void refuseIntent(Vm vm, Collection<StoreId> ids) {
        for (StoreId id : ids) {
            if (require(id).intent(vm.id()).isPresent()) {
                throw new Problem(
                        Code.BUSY,
                        "cannot work on VM " + vm,
                        "a rollback of it is not finished",
                        "Try again in a moment; if it stays, 'flatsnap doctor' tells what it waits for");
            }
        }
    }
}
