package org.flatsnap.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Finding;
import org.flatsnap.engine.Stores;
import org.flatsnap.fuseview.MountOptions;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.LeftToManager;
import org.flatsnap.hypervisor.Libvirt;
import org.flatsnap.hypervisor.Quiescer;
import org.flatsnap.hypervisor.Standstill;
import org.flatsnap.hypervisor.Watch;
import org.flatsnap.hypervisor.WatchdogProcess;
import org.flatsnap.linux.Flock;
import org.flatsnap.linux.Host;
import org.flatsnap.linux.ServiceManager;
import org.flatsnap.manager.LibvirtManager;
import org.flatsnap.manager.Manager;
import org.flatsnap.manager.ProxmoxManager;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.query.Moments;
import org.flatsnap.server.ApiServer;
import org.flatsnap.server.Doors;
import org.flatsnap.server.ShownImages;
import org.flatsnap.store.KnownStores;
import org.flatsnap.view.SnapshotTree;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The parts of the running daemon, made in order and ended in reverse. */
public final class Daemon implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);
    // Less than half of what Proxmox VE's storage plugin gives a change, which may need two of them.
    private static final Duration LOCK_PATIENCE = Duration.ofSeconds(20);
    private static final Duration STARTING_STEP = Duration.ofMinutes(5);

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private Supplier<Finding> view;
    private ShownImages shown = (snapshot, disk) -> Optional.empty();

    /** @param manager by whom VMs are known, and how they are brought to stand still */
    private record Hypervisor(Manager manager, Standstill standstill, Optional<Watch> watch) {}

    private Daemon(Path mountPoint) {
        this.view = () -> failed(mountPoint, "it has not been tried yet");
    }

    /**
     * Starts everything; when it returns, the API answers. A view that cannot be mounted does not keep snapshots from being
     * taken: it is logged and told by the doctor.
     *
     * @throws Problem if the daemon cannot work with this configuration
     */
    public static Daemon start(Configuration configuration) throws IOException {
        return start(configuration, ProxmoxManager::new);
    }

    static Daemon start(Configuration configuration, Supplier<Manager> proxmox) throws IOException {
        Daemon daemon = new Daemon(configuration.view());
        try {
            daemon.assemble(configuration, proxmox);
            return daemon;
        } catch (IOException | RuntimeException e) {
            daemon.close();
            throw e;
        }
    }

    private void assemble(Configuration configuration, Supplier<Manager> proxmox) throws IOException {
        Path state = configuration.stateDirectory();
        // Names of VMs, tokens and the audit log are nobody else's.
        Files.createDirectories(
                state, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        own(lock(state));
        Clock clock = Clock.system(configuration.zone());
        Catalog catalog = own(Catalog.open(state.resolve("catalog.db")));
        Path guests = state.resolve("guests");
        GuestNotes notes = new GuestNotes(guests);
        Hypervisor hypervisor =
                switch (configuration.management()) {
                    case LIBVIRT -> libvirt(configuration, guests, notes);
                    case PROXMOX -> new Hypervisor(proxmox.get(), new LeftToManager(), Optional.empty());
                };
        Stores stores = new Stores(
                configuration.stores(),
                configuration.reserves(),
                KnownStores.read(state.resolve("stores.json")),
                LOCK_PATIENCE);
        Engine engine = own(new Engine(
                stores,
                hypervisor.manager(),
                catalog,
                hypervisor.standstill(),
                notes,
                clock,
                new Engine.Settings(
                        Host.name(),
                        configuration.guardRetention(),
                        configuration.stopTimeout(),
                        configuration.retireGrace())));
        engine.start(Daemon::tellServiceManager);
        mount(configuration.view(), new SnapshotTree(catalog, engine, new Moments(clock), configuration.viewAccess()));
        ApiServer server = own(
                new ApiServer(engine, catalog, doors(configuration), state, clock, () -> findings(hypervisor), shown));
        server.start();
    }

    private static Hypervisor libvirt(Configuration configuration, Path guests, GuestNotes notes) {
        Libvirt libvirt = new Libvirt(configuration.libvirt());
        Watch watch = new WatchdogProcess(configuration.libvirt(), guests, configuration.freezeTimeout());
        return new Hypervisor(
                new LibvirtManager(libvirt, configuration.libvirt()),
                new Quiescer(libvirt, notes, watch, configuration.freezeTimeout()),
                Optional.of(watch));
    }

    private List<Finding> findings(Hypervisor hypervisor) {
        return Stream.concat(Stream.of(view.get()), hypervisor.watch().map(Daemon::watchdog).stream())
                .toList();
    }

    /** A catalog made from very many snapshots takes longer than systemd waits for a start. */
    private static void tellServiceManager(String step) {
        ServiceManager.notify("EXTEND_TIMEOUT_USEC=" + STARTING_STEP.toMillis() * 1000 + "\nSTATUS=" + step);
    }

    private <T extends AutoCloseable> T own(T part) {
        parts.push(part);
        return part;
    }

    private static Doors doors(Configuration configuration) {
        return new Doors(
                configuration.socket(), configuration.socketGroup(), configuration.access(), configuration.network());
    }

    private static Flock lock(Path state) throws IOException {
        return Flock.tryLock(state.resolve("lock"))
                .orElseThrow(() -> new Problem(
                        Code.BUSY,
                        "cannot use the state directory " + state,
                        "another flatsnapd uses it",
                        "Stop that one first, or give this one a state-directory of its own"));
    }

    private void mount(Path mountPoint, SnapshotTree tree) {
        try {
            Files.createDirectories(mountPoint);
        } catch (IOException e) {
            // A mount left by a killed daemon cannot be examined; mounting deals with it.
            LOG.debug("cannot make {}", mountPoint, e);
        }
        try {
            MountedTree mounted = own(tree.mount(mountPoint, MountOptions.named("flatsnap")));
            view = () -> mounted.isMounted()
                    ? Finding.ok("view", "mounted at " + mountPoint)
                    : failed(mountPoint, "somebody unmounted it");
            shown = (snapshot, disk) -> Optional.of(mountPoint.resolve(SnapshotTree.image(snapshot, disk)))
                    .filter(file -> mounted.isMounted());
        } catch (IOException e) {
            LOG.error("snapshots cannot be shown at {}: {}", mountPoint, e.getMessage());
            Finding finding = failed(mountPoint, e.getMessage());
            view = () -> finding;
        }
    }

    private static Finding failed(Path mountPoint, String why) {
        return new Finding(
                Finding.Level.FAILURE,
                "view",
                "not mounted at " + mountPoint + ": " + why,
                "Mend that and restart flatsnapd");
    }

    private static Finding watchdog(Watch watch) {
        String subject = "watchdog";
        return watch.obstacle()
                .map(problem -> new Finding(
                        Finding.Level.FAILURE,
                        subject,
                        "guests are neither frozen nor paused now: " + problem.why(),
                        problem.remedy()))
                .orElseGet(() -> Finding.ok(subject, "lets guests go on in time, whatever becomes of flatsnapd"));
    }

    /** Ends the parts in reverse order; one that fails does not keep the others from ending. */
    @Override
    public void close() {
        while (!parts.isEmpty()) {
            AutoCloseable part = parts.pop();
            try {
                part.close();
            } catch (Exception e) {
                LOG.error("{} did not end in order", part.getClass().getSimpleName(), e);
            }
        }
    }
}
