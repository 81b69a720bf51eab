package org.flatsnap.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.engine.TakeSnapshot.Order;
import org.flatsnap.linux.Durability;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.store.DiskSource;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Store;

/**
 * Keeps what is about to be replaced: an ordinary snapshot of exactly those files, with an expiry. It is published with a mark
 * that goes when the rollback is decided, so that an undo does not go back to the guard of one that a kill kept from being
 * done. A mark that goes needs no room; one that comes might.
 */
final class GuardSnapshot {
    private final Stores stores;
    private final TakeSnapshot taking;
    private final Clock clock;
    private final Duration retention;

    GuardSnapshot(Stores stores, TakeSnapshot taking, Clock clock, Duration retention) {
        this.stores = stores;
        this.taking = taking;
        this.clock = clock;
        this.retention = retention;
    }

    /** A file that is about to be replaced; it need not exist. */
    record Replaced(DiskName disk, StoreId store, Path live) {}

    /**
     * Takes it. The caller holds the VM's lock, and the VM is off.
     *
     * @return nothing if none of the files exists
     */
    Optional<Snapshot> take(
            OperationId operation, Vm vm, List<Replaced> files, String before, boolean partial, Progress progress) {
        Map<Store, List<DiskSource>> byStore = new LinkedHashMap<>();
        for (Replaced file : files) {
            Store store = stores.require(file.store());
            if (store.stamp(file.live()).isPresent()) {
                byStore.computeIfAbsent(store, unused -> new ArrayList<>())
                        .add(new DiskSource(file.disk(), file.live()));
            }
        }
        if (byStore.isEmpty()) {
            return Optional.empty();
        }
        Order order = new Order(
                operation,
                taking.nameFromTime("guard-"),
                Labels.NONE,
                Optional.of(new Snapshot.Guard(before, partial, clock.instant().plus(retention))),
                Consistency.CRASH,
                false);
        return Optional.of(taking.capture(vm, new DiskPlan(byStore), order, progress));
    }

    /** Whether what it guards against was decided; false for ever if that came to nothing. */
    boolean decided(Snapshot guard) {
        return !Files.exists(mark(stores.require(guard.home()), guard.vm(), guard.id()));
    }

    /** Takes the marks of the intent's guards away, durably. The intent stands, and nothing keeps it from being finished. */
    static void decide(Stores stores, Intent intent) {
        for (SnapshotId guard : intent.guards()) {
            for (StoreId store : intent.stores()) {
                decide(mark(stores.require(store), intent.vm(), guard));
            }
        }
    }

    private static void decide(Path mark) {
        try {
            // Only where the guard is at home there is one.
            if (Files.deleteIfExists(mark)) {
                Durability.sync(mark.getParent());
            }
        } catch (IOException e) {
            throw FinishRollback.failure("cannot take away " + mark, e);
        }
    }

    private static Path mark(Store store, VmId vm, SnapshotId guard) {
        return store.savedFile(vm, guard, Snapshot.UNDECIDED_FILE);
    }
}
