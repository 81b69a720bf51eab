package org.flatsnap.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.flatsnap.access.AccessRule;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Finding;
import org.flatsnap.engine.Stores;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.Quiescer;
import org.flatsnap.model.Disk;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.store.KnownStores;
import org.flatsnap.store.StorePlace;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.LoopFileSystem;

/** A daemon without libvirt: the API on a real socket, a real store on XFS, VMs that exist in memory. */
public final class ApiBench implements AutoCloseable {
    /** The daemon's time zone: two hours ahead of UTC in summer, one in winter. */
    public static final ZoneId ZONE = ZoneId.of("Europe/Vienna");

    private final LoopFileSystem fileSystem = LoopFileSystem.smallXfs();
    private final AdjustableClock clock = new AdjustableClock();
    private final Path state;
    private final FakeManager manager = new FakeManager();
    private final Catalog catalog;
    private final Engine engine;
    private final ApiServer server;

    /** The true time, and more. */
    private static final class AdjustableClock extends Clock {
        private volatile Duration ahead = Duration.ZERO;

        @Override
        public ZoneId getZone() {
            return ZONE;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Instant instant() {
            return Instant.now().plus(ahead);
        }
    }

    /** Everything runs when this returns. */
    public ApiBench() throws IOException {
        this(Optional.empty(), List.of(), Optional.empty());
    }

    /** The same with doors for others than root. */
    ApiBench(Optional<String> socketGroup, List<AccessRule> rules, Optional<Network> network) throws IOException {
        state = Files.createTempDirectory("flatsnap-api-");
        catalog = Catalog.open(state.resolve("catalog.db"));
        GuestNotes notes = new GuestNotes(state.resolve("guests"));
        engine = new Engine(
                new Stores(
                        List.of(new StorePlace.Directory(fileSystem.root())),
                        KnownStores.read(state.resolve("stores.json")),
                        Duration.ofMillis(300)),
                manager,
                catalog,
                new Quiescer(manager, notes, Duration.ofSeconds(5)),
                notes,
                clock,
                new Engine.Settings("node1", Duration.ofDays(7), Duration.ofSeconds(30)));
        engine.start();
        server = new ApiServer(
                engine,
                catalog,
                new Doors(socket(), socketGroup, rules, network),
                state,
                clock,
                () -> List.of(Finding.ok("view", "mounted at /snapshots")));
        try {
            server.start();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Where the API answers. */
    public Path socket() {
        return state.resolve("run").resolve("api.sock");
    }

    /** Lets time pass. */
    void advance(Duration time) {
        clock.ahead = clock.ahead.plus(time);
    }

    /** The server itself. */
    ApiServer server() {
        return server;
    }

    /** Where it keeps tokens and audit log. */
    Path state() {
        return state;
    }

    /** Its VMs. */
    public FakeManager manager() {
        return manager;
    }

    /** What the daemon knows of snapshots. */
    public Catalog catalog() {
        return catalog;
    }

    /** The file system that is the store. */
    public LoopFileSystem fileSystem() {
        return fileSystem;
    }

    /** A client of its API. */
    public ApiClient client() {
        return new ApiClient(socket());
    }

    /** Makes a VM that is off, with one MiB on each disk. */
    public VmId vm(String name, String... disks) throws IOException {
        return vm(name, VmState.OFF, disks);
    }

    /** Makes a VM. */
    public VmId vm(String name, VmState vmState, String... disks) throws IOException {
        VmId id = new VmId(UUID.randomUUID().toString());
        List<Disk> made = new ArrayList<>();
        for (String disk : disks) {
            made.add(FakeManager.rawDisk(disk, Bench.disk(fileSystem.root(), file(id, disk), "fresh")));
        }
        manager.put(id, name, vmState, made);
        return id;
    }

    /** A disk of such a VM. */
    public Path disk(VmId vm, String disk) {
        return fileSystem.root().resolve(file(vm, disk));
    }

    private static String file(VmId vm, String disk) {
        return vm + "-" + disk + ".raw";
    }

    @Override
    public void close() {
        server.close();
        engine.close();
        catalog.close();
        fileSystem.close();
        Commands.run("rm", "-r", state.toString());
    }
}
