package org.flatsnap.engine;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.flatsnap.model.Disk;
import org.flatsnap.model.OperationId;
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
 * The configured stores, each open or known to be out of reach. One that cannot be opened does not keep the daemon from
 * serving the others. Safe for use by several threads.
 */
public final class Stores implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Stores.class);

    private final List<StorePlace> configured;
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
        this.configured = List.copyOf(configured);
        this.reserves = Map.copyOf(reserves);
        this.known = known;
        this.patience = patience;
        openMissing();
    }

    /** Tries again to open those that could not be; gives the ones that could be now. */
    public synchronized List<Store> openMissing() {
        List<Store> opened = new ArrayList<>();
        for (StorePlace place : configured) {
            if (!open.containsKey(place)) {
                try {
                    refuseNested(place);
                    Store store = place.open(known.at(place));
                    refuseTwin(place, store);
                    known.remember(place, store.id());
                    open.put(place, store);
                    closed.remove(place);
                    opened.add(store);
                } catch (Problem e) {
                    if (closed.put(place, e) == null) {
                        LOG.warn("{}", e.getMessage());
                    }
                }
            }
        }
        return opened;
    }

    private void refuseTwin(StorePlace place, Store store) {
        for (Store other : open.values()) {
            if (other.id().equals(store.id())) {
                throw new Problem(
                        Code.UNSUPPORTED,
                        "cannot use the store " + place,
                        "it has the identity of " + other.place()
                                + ": one is a copy of the other, or both are the same",
                        "Name each store once in /etc/flatsnap/flatsnap.toml");
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
                        "Name only the upper one in /etc/flatsnap/flatsnap.toml");
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
                "it is not mounted or not configured",
                "Mount it, or add its [[store]] to /etc/flatsnap/flatsnap.toml; 'flatsnap doctor' tells more"));
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

    /** Closes them all. */
    @Override
    public synchronized void close() {
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
