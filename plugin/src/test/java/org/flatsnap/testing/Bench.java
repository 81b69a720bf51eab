package org.flatsnap.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.RollbackRequest;
import org.flatsnap.engine.RollbackResult;
import org.flatsnap.engine.Stores;
import org.flatsnap.engine.TakeRequest;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.Libvirt;
import org.flatsnap.hypervisor.Quiescer;
import org.flatsnap.linux.Host;
import org.flatsnap.manager.LibvirtManager;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmName;
import org.flatsnap.store.Content;
import org.flatsnap.store.KnownStores;
import org.flatsnap.store.StorePlace;

/**
 * A whole flatsnap without daemon and view: real file systems, the real libvirt, a state directory that outlives the engine.
 *
 * <pre>
 * with (Bench bench = Bench.onXfs()) {
 *     Domain vm = bench.defineOff("a", "vda");   // not started
 *     bench.take(vm, "s1");
 * }
 * </pre>
 */
public final class Bench implements AutoCloseable {
    /** The libvirt that packaging/prepare makes sure of. */
    public static final String URI = "qemu:///system";

    private final List<LoopFileSystem> fileSystems;
    private final Path state;
    private final List<Domain> domains = new ArrayList<>();
    private final Duration patience;
    private Duration retireGrace = Duration.ofDays(1);
    private Libvirt libvirt;
    private Catalog catalog;
    private Engine engine;

    private Bench(List<LoopFileSystem> fileSystems, Duration patience) throws IOException {
        this.fileSystems = fileSystems;
        this.patience = patience;
        this.state = Files.createTempDirectory("flatsnap-state-");
        open();
    }

    /** One store on XFS. */
    public static Bench onXfs() throws IOException {
        return on(LoopFileSystem.xfs());
    }

    /** One store on each of these; all belong to the bench from now on. */
    public static Bench on(LoopFileSystem... fileSystems) throws IOException {
        return new Bench(List.of(fileSystems), Duration.ofSeconds(5));
    }

    /** Starts an engine on the state that is there. */
    public void open() throws IOException {
        libvirt = new Libvirt(URI);
        catalog = Catalog.open(state.resolve("catalog.db"));
        GuestNotes notes = new GuestNotes(state.resolve("guests"));
        engine = new Engine(
                new Stores(
                        fileSystems.stream()
                                .map(fileSystem -> (StorePlace) new StorePlace.Directory(fileSystem.root()))
                                .toList(),
                        KnownStores.read(state.resolve("stores.json")),
                        Duration.ofSeconds(20)),
                new LibvirtManager(libvirt, URI),
                catalog,
                new Quiescer(libvirt, notes, patience),
                notes,
                Clock.systemUTC(),
                new Engine.Settings(Host.name(), Duration.ofDays(7), Duration.ofSeconds(30), retireGrace));
        engine.start();
    }

    /** Ends the engine. */
    public void shut() {
        engine.close();
        catalog.close();
    }

    /** Starts another engine, for which a snapshot without disks stays this long. */
    public void restartWithGrace(Duration grace) throws IOException {
        retireGrace = grace;
        restart();
    }

    /** Ends the engine and starts another on the same state. */
    public void restart() throws IOException {
        shut();
        open();
    }

    /** The same after the catalog was lost. */
    public void restartWithoutCatalog() throws IOException {
        shut();
        try (Stream<Path> files = Files.list(state)) {
            for (Path file : files.filter(file -> file.getFileName().toString().startsWith("catalog"))
                    .toList()) {
                Files.delete(file);
            }
        }
        open();
    }

    /** What is tested. */
    public Engine engine() {
        return engine;
    }

    /** The directory that outlives the engine. */
    public Path state() {
        return state;
    }

    /** Its catalog. */
    public Catalog catalog() {
        return catalog;
    }

    /** The hypervisor. */
    public Libvirt libvirt() {
        return libvirt;
    }

    /** The root of the first store. */
    public Path store() {
        return fileSystems.get(0).root();
    }

    /** The first store's file system. */
    public LoopFileSystem fileSystem() {
        return fileSystems.get(0);
    }

    /** Any store's file system. */
    public LoopFileSystem fileSystem(int number) {
        return fileSystems.get(number);
    }

    /** The root of any store. */
    public Path store(int number) {
        return fileSystems.get(number).root();
    }

    /** A file in the first store that can be a disk: one MiB that begins with {@code content}. */
    public Path disk(String name, String content) throws IOException {
        return disk(store(), name, content);
    }

    /** The same anywhere. */
    public static Path disk(Path directory, String name, String content) throws IOException {
        Path disk = directory.resolve(name);
        write(disk, content);
        return disk;
    }

    /** Overwrites a disk's beginning, as a guest would. */
    public static void write(Path disk, String content) throws IOException {
        byte[] bytes = new byte[1 << 20];
        byte[] text = content.getBytes(StandardCharsets.UTF_8);
        System.arraycopy(text, 0, bytes, 0, text.length);
        Files.write(disk, bytes);
    }

    /** What {@link #write} wrote. */
    public static String read(Path disk) throws IOException {
        return read(Content.of(disk));
    }

    /** The same of an image. */
    public static String read(Content content) throws IOException {
        byte[] bytes = new byte[1 << 20];
        try (Content.Reader reader = content.open()) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining() && reader.channel().read(buffer, buffer.position()) > 0) {}
        }
        int end = 0;
        while (end < bytes.length && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, 0, end, StandardCharsets.UTF_8);
    }

    /** Defines a VM that is off; its name gets a suffix that no other test has. */
    public Domain define(String name, String devices) {
        return define(name, "", devices);
    }

    /** The same with elements of {@code <os>}. */
    public Domain define(String name, String os, String devices) {
        UUID uuid = UUID.randomUUID();
        return define(uuid, name + "-" + uuid.toString().substring(0, 8), os, devices);
    }

    /** The same under a name that is given. */
    public Domain defineExactly(String name, String devices) {
        return define(UUID.randomUUID(), name, "", devices);
    }

    /** A VM that is off, defined while the engine is shut. */
    public Domain defineWhileShut(String name, String devices) {
        return define(name, devices);
    }

    private Domain define(UUID uuid, String name, String os, String devices) {
        Domain domain = new Domain(name, uuid.toString());
        libvirt.define("""
                <domain type='qemu'>
                  <name>%s</name><uuid>%s</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
                  <os><type arch='x86_64' machine='pc'>hvm</type>%s</os><features><acpi/></features>
                  <devices>%s</devices>
                </domain>
                """.formatted(name, uuid, os, devices));
        domains.add(domain);
        return domain;
    }

    /** The definition of a raw disk. */
    public static String rawDisk(String target, Path file) {
        return disk(target, file, "raw", "disk");
    }

    /** The definition of any disk. */
    public static String disk(String target, Path file, String format, String device) {
        return "<disk type='file' device='%s'><driver name='qemu' type='%s'/><source file='%s'/><target dev='%s' bus='%s'/></disk>"
                .formatted(device, format, file, target, target.startsWith("v") ? "virtio" : "ide");
    }

    /** A domain that is undefined with the bench. */
    public void adopt(Domain domain) {
        domains.add(domain);
    }

    /** Takes a snapshot with nothing special about it. */
    public Snapshot take(Domain vm, String name) {
        return engine.take(request(vm, name));
    }

    /** What {@link #take} asks. */
    public static TakeRequest request(Domain vm, String name) {
        return new TakeRequest(
                OperationId.random(),
                vm.name(),
                Optional.of(new SnapshotName(name)),
                Labels.NONE,
                Optional.empty(),
                false,
                Set.of());
    }

    /** Takes a snapshot at a level. */
    public Snapshot take(Domain vm, String name, Consistency level, boolean strict) {
        TakeRequest plain = request(vm, name);
        return engine.take(new TakeRequest(
                plain.operation(),
                plain.vm(),
                plain.name(),
                plain.labels(),
                Optional.of(level),
                strict,
                plain.disks()));
    }

    /** Rolls back all disks of a VM that is off. */
    public RollbackResult rollBack(Domain vm, String snapshot, DiskName... disks) {
        return engine.rollBack(new RollbackRequest(OperationId.random(), vm.name(), snapshot, Set.of(disks), false));
    }

    /** Goes back to the newest guard. */
    public RollbackResult undo(Domain vm) {
        return engine.undo(OperationId.random(), vm.name(), false);
    }

    /** Deletes a snapshot. */
    public void delete(Domain vm, String snapshot) {
        engine.delete(OperationId.random(), vm.name(), snapshot);
    }

    /** The names of a VM's snapshots, newest first, guards left out. */
    public List<String> names(Domain vm) {
        return catalog.query(SnapshotQuery.ALL.ofVmsNamed(vm.name())).snapshots().stream()
                .filter(snapshot -> snapshot.guard().isEmpty())
                .map(snapshot -> snapshot.name().value())
                .toList();
    }

    /** What an image of a snapshot holds. */
    public String content(Snapshot snapshot, String disk) throws IOException {
        return read(engine.image(snapshot, new DiskName(disk)));
    }

    /** Checks that no unpublished work lies in any store. */
    public void assertNothingStaged() throws IOException {
        for (LoopFileSystem fileSystem : fileSystems) {
            for (String directory : List.of("staging", "intents")) {
                try (Stream<Path> files =
                        Files.list(fileSystem.root().resolve(".flatsnap").resolve(directory))) {
                    assertThat(files).isEmpty();
                }
            }
        }
    }

    /** A defined domain. */
    public record Domain(String name, String uuid) {
        /** As a display name. */
        public VmName vmName() {
            return new VmName(name);
        }

        private void remove() {
            Commands.exitCode("virsh", "-c", URI, "destroy", uuid);
            Commands.run("virsh", "-c", URI, "undefine", uuid, "--managed-save", "--nvram");
        }
    }

    @Override
    public void close() throws IOException {
        try {
            shut();
        } finally {
            domains.forEach(Domain::remove);
            fileSystems.forEach(LoopFileSystem::close);
            Commands.run("rm", "-r", state.toString());
        }
    }
}
