package org.flatsnap.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.RollbackRequest;
import org.flatsnap.engine.RollbackResult;
import org.flatsnap.engine.Stores;
import org.flatsnap.engine.TakeRequest;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.Quiescer;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.server.FakeManager;
import org.flatsnap.store.KnownStores;
import org.flatsnap.store.StorePlace;

/** One of several hosts that share a store: an engine under a name of its own, with VMs that are off. */
public final class StoreHost implements AutoCloseable {
    /** How long one operation waits for another on the same VM. */
    public static final Duration PATIENCE = Duration.ofMillis(500);

    private final Path state;
    private final FakeManager manager = new FakeManager();
    private final Catalog catalog;
    private final Engine engine;

    /** Its engine runs when this returns. */
    public StoreHost(StorePlace place, String name) throws IOException {
        state = Files.createTempDirectory("flatsnap-state-");
        catalog = Catalog.open(state.resolve("catalog.db"));
        GuestNotes notes = new GuestNotes(state.resolve("guests"));
        engine = new Engine(
                new Stores(List.of(place), KnownStores.read(state.resolve("stores.json")), PATIENCE),
                manager,
                catalog,
                new Quiescer(manager, notes, Duration.ofSeconds(5)),
                notes,
                Clock.systemUTC(),
                new Engine.Settings(name, Duration.ofDays(7), Duration.ofSeconds(30)));
        engine.start();
    }

    /** What is tested. */
    public Engine engine() {
        return engine;
    }

    /** Where its catalog lies. */
    public Path state() {
        return state;
    }

    /** What the host knows. */
    public Catalog catalog() {
        return catalog;
    }

    /** Defines a VM whose disks are vda, vdb and so on. */
    public void define(VmId vm, Path... files) {
        define(vm, VmState.OFF, files);
    }

    /** The same, off or not. */
    public void define(VmId vm, VmState state, Path... files) {
        List<Disk> disks = new ArrayList<>();
        for (Path file : files) {
            disks.add(FakeManager.rawDisk("vd" + (char) ('a' + disks.size()), file));
        }
        manager.put(vm, vm.value(), state, disks);
    }

    /** What holds its VMs. */
    public FakeManager manager() {
        return manager;
    }

    /** Deletes a snapshot. */
    public void delete(VmId vm, String snapshot) {
        engine.delete(OperationId.random(), vm.value(), snapshot);
    }

    /** What a VM does. */
    public VmState state(VmId vm) {
        return manager.state(vm);
    }

    /** Takes a snapshot. */
    public Snapshot take(VmId vm, String name) {
        return engine.take(new TakeRequest(
                OperationId.random(),
                vm.value(),
                Optional.of(new SnapshotName(name)),
                Labels.NONE,
                Optional.empty(),
                false,
                Set.<DiskName>of()));
    }

    /** Rolls back all disks. */
    public RollbackResult rollBack(VmId vm, String snapshot) {
        return engine.rollBack(new RollbackRequest(OperationId.random(), vm.value(), snapshot, Set.of(), false));
    }

    /** What its catalog lists of a VM, guards left out. */
    public List<String> names(VmId vm) {
        return catalog.query(SnapshotQuery.ALL.ofVmsNamed(vm.value())).snapshots().stream()
                .filter(snapshot -> snapshot.guard().isEmpty())
                .map(snapshot -> snapshot.name().value())
                .sorted()
                .toList();
    }

    /** All of them, guards too. */
    public List<Snapshot> snapshots(VmId vm) {
        return catalog.query(SnapshotQuery.ALL.ofVmsNamed(vm.value())).snapshots();
    }

    @Override
    public void close() {
        engine.close();
        catalog.close();
        Commands.run("rm", "-r", state.toString());
    }
}
