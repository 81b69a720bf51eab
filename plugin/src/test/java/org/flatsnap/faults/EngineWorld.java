package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Library;
import com.sun.jna.Native;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Housekeeping;
import org.flatsnap.engine.Stores;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.Quiescer;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.server.FakeManager;
import org.flatsnap.store.KnownStores;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.RunningGuest;
import org.flatsnap.testing.TestStorage;

/**
 * A store with the two disks of a VM that is off, an engine that dies in this JVM and comes again on what it left, and what is
 * known of it by plain means. Used by one thread.
 */
final class EngineWorld implements AutoCloseable {
    static final VmId VM = new VmId("7f3e4b52-6a01-4c3d-9d3b-0c6f3c1d2e4f");
    static final DiskName VDA = new DiskName("vda");
    static final DiskName VDB = new DiskName("vdb");
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final Path READERS = Path.of("/run/flatsnap/readers");

    private final String title;
    private final TestStorage storage;
    private final Incarnation.Fate fate;
    private final FakeManager manager = new FakeManager();
    private final Path directory;
    private final Path vda;
    private final Path vdb;
    private final Path firmware;
    private final Map<String, String> acknowledged = new LinkedHashMap<>();
    private final List<Snapshot> deleted = new ArrayList<>();
    private int lives;
    private Path state;
    private Incarnation incarnation;
    private Optional<Catalog> catalog = Optional.empty();
    private Optional<Engine> engine = Optional.empty();
    private boolean alive;

    private interface Kernel extends Library {
        Kernel C = Native.load("c", Kernel.class);

        int close(int descriptor);
    }

    EngineWorld(String title, TestStorage storage, Incarnation.Fate fate) throws IOException {
        this.title = title;
        this.storage = storage;
        this.fate = fate;
        directory = Files.createTempDirectory("flatsnap-lives-");
        state = Files.createDirectory(directory.resolve("0"));
        vda = storage.newDisk("web01-vda");
        vdb = storage.newDisk("web01-vdb");
        firmware = directory.resolve("web01_VARS.fd");
        manager.put(
                VM,
                "web01",
                VmState.OFF,
                List.of(FakeManager.rawDisk("vda", vda), FakeManager.rawDisk("vdb", vdb)),
                Optional.of(firmware.toString()));
        incarnation = new Incarnation(title + " 0", fate);
    }

    String title() {
        return title;
    }

    TestStorage storage() {
        return storage;
    }

    FakeManager manager() {
        return manager;
    }

    Incarnation incarnation() {
        return incarnation;
    }

    Engine engine() {
        return engine.orElseThrow();
    }

    boolean isAlive() {
        return alive;
    }

    /** Begins a life on what is there; it may end in its beginning. */
    void start() throws Exception {
        incarnation.run(() -> {
            catalog = Optional.of(Catalog.open(state.resolve("catalog.db")));
            GuestNotes notes = new GuestNotes(state.resolve("guests"));
            Stores stores = new Stores(List.of(storage.place()), KnownStores.read(state.resolve("stores.json")), LIMIT);
            engine = Optional.of(new Engine(
                    stores,
                    manager,
                    catalog.get(),
                    new Quiescer(manager, notes, Duration.ofSeconds(5)),
                    notes,
                    Clock.systemUTC(),
                    new Engine.Settings("node1", Duration.ZERO, Duration.ofSeconds(30))));
            engine.get().start();
            return null;
        });
        alive = true;
    }

    /** Takes away what the kernel takes away from a dead process; its files are copied as they are. */
    void bury() throws Exception {
        alive = false;
        lives++;
        Path next = directory.resolve(Integer.toString(lives));
        Commands.run("cp", "-a", state.toString(), next.toString());
        end();
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            for (Path descriptor : descriptors.toList()) {
                if (Files.isSymbolicLink(descriptor) && isLeft(descriptor)) {
                    Kernel.C.close(Integer.parseInt(descriptor.getFileName().toString()));
                }
            }
        }
        state = next;
        incarnation = new Incarnation(title + " " + lives, fate);
    }

    private boolean isLeft(Path descriptor) {
        try {
            Path file = Files.readSymbolicLink(descriptor);
            // Only volumes are read through clones; the lock of another world's reader is not to be touched.
            return file.startsWith(storage.base()) || storage.kind() == Disk.Kind.BLOCK && file.startsWith(READERS);
        } catch (IOException e) {
            // Closed meanwhile.
            return false;
        }
    }

    private void end() throws Exception {
        for (Optional<? extends AutoCloseable> part : List.of(engine, catalog)) {
            if (part.isPresent()) {
                try {
                    incarnation.run(() -> {
                        part.get().close();
                        return null;
                    });
                } catch (Incarnation.Died e) {
                    assertThat(incarnation.death()).isPresent();
                }
            }
        }
        engine = Optional.empty();
        catalog = Optional.empty();
        incarnation.awaitEnd();
    }

    void write(String version) throws IOException {
        Bench.write(vda, "a" + version);
        Bench.write(vdb, "b" + version);
        Files.writeString(firmware, "f" + version);
    }

    /** The version that the live disks hold, or what they hold if that is none. */
    String live() throws IOException {
        return version(Bench.read(vda), Bench.read(vdb), Files.readString(firmware));
    }

    private static String version(String a, String b, String f) {
        String version = a.substring(1);
        return ("b" + version).equals(b) && ("f" + version).equals(f) ? version : a + "," + b + "," + f;
    }

    /** The version that a snapshot holds. */
    String held(Snapshot snapshot) throws IOException {
        String a = Bench.read(engine().image(snapshot, VDA));
        String b = Bench.read(engine().image(snapshot, VDB));
        return snapshot.firmware().isEmpty()
                ? version(a, b, "f" + a.substring(1))
                : version(a, b, Files.readString(engine().savedFile(snapshot, Snapshot.FIRMWARE_FILE)));
    }

    /** From now on a snapshot of that name must be there. */
    void acknowledge(String snapshot, String version) {
        acknowledged.put(snapshot, version);
    }

    void forget(String snapshot) {
        acknowledged.remove(snapshot);
    }

    /** From now on nothing of it must be left that can go. */
    void deleted(Snapshot snapshot) {
        deleted.add(snapshot);
    }

    List<Snapshot> deleted() {
        return List.copyOf(deleted);
    }

    Map<String, String> acknowledged() {
        return Map.copyOf(acknowledged);
    }

    List<Snapshot> snapshots() {
        return catalog.orElseThrow()
                .query(SnapshotQuery.ALL.ofVmsNamed("web01"))
                .snapshots();
    }

    /** Reads all that was acknowledged. */
    void assertContents() throws IOException {
        for (Map.Entry<String, String> entry : acknowledged.entrySet()) {
            assertThat(held(engine().show(VM.value(), entry.getKey())))
                    .as("what " + entry.getKey() + " holds")
                    .isEqualTo(entry.getValue());
        }
    }

    /** A rollback's intent stands. */
    boolean undecided() throws IOException {
        Path intents = storage.base().resolve("intents");
        if (!Files.isDirectory(intents)) {
            return false;
        }
        try (Stream<Path> files = Files.list(intents)) {
            return files.anyMatch(file -> !file.toString().endsWith(".new"));
        }
    }

    /** All that was acknowledged is there, at most these are there too, and nothing else is left. */
    void assertInOrder(List<String> maybe) {
        RunningGuest.await(LIMIT, "nothing to be left", () -> {
            try {
                storage.assertNothingStaged();
                assertThat(deleted).allMatch(storage::isFreed);
                return true;
            } catch (AssertionError e) {
                System.err.println(
                        title + " is not in order yet: " + e.getMessage().replaceAll("\\s+", " "));
                Housekeeping.keep(engine());
                return false;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        TreeSet<String> names = new TreeSet<>();
        snapshots().stream()
                .filter(snapshot -> snapshot.guard().isEmpty())
                .forEach(snapshot -> names.add(snapshot.name().value()));
        assertThat(names)
                .containsAll(acknowledged.keySet().stream()
                        .filter(name -> !name.startsWith("guard-"))
                        .toList());
        names.removeAll(acknowledged.keySet());
        names.removeAll(maybe);
        assertThat(names).as("snapshots that nobody took").isEmpty();
        List<String> strangers = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            files.map(file -> file.getFileName().toString())
                    .filter(name -> name.contains(".flatsnap-"))
                    .forEach(strangers::add);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        assertThat(strangers).as("staged NVRAM").isEmpty();
    }

    @Override
    public void close() {
        try {
            end();
        } catch (Exception e) {
            System.err.println(title + " does not end well: " + e);
        }
        storage.close();
        Commands.run("rm", "-r", directory.toString());
    }
}
