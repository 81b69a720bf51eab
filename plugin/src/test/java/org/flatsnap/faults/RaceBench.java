package org.flatsnap.faults;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Stores;
import org.flatsnap.fuseview.MountOptions;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.Quiescer;
import org.flatsnap.model.Disk;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.query.Moments;
import org.flatsnap.server.ApiServer;
import org.flatsnap.server.Doors;
import org.flatsnap.server.FakeManager;
import org.flatsnap.store.KnownStores;
import org.flatsnap.store.StorePlace;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.view.SnapshotTree;

/**
 * The parts of the daemon as it makes them, but for libvirt: the API on a unix socket, the engine, the catalog, two stores on
 * XFS, the view mounted; VMs in memory on real disks.
 */
final class RaceBench implements AutoCloseable {
    private static final Duration FREEZE = Duration.ofSeconds(5);
    /** What the disks of a new VM hold. */
    static final String FIRST_WORD = "w0";

    private static final int NOON = 12;
    private static final int LONGEST_WORD = 64;

    private final List<LoopFileSystem> fileSystems = List.of(LoopFileSystem.xfs(), LoopFileSystem.xfs());
    private final Path state;
    private final RaceMachines machines;
    // Noon, so that no run of less than half a day meets another date.
    private final ZoneId zone =
            ZoneOffset.ofHours(NOON - Instant.now().atZone(ZoneOffset.UTC).getHour());
    private final Duration patience;
    private Catalog catalog;
    private Engine engine;
    private MountedTree mounted;
    private ApiServer server;

    /** Everything runs when this returns. */
    RaceBench(Duration patience, RaceMachines machines) throws IOException {
        this.patience = patience;
        this.machines = machines;
        this.state = Files.createTempDirectory("flatsnap-races-");
        open();
    }

    private void open() throws IOException {
        catalog = Catalog.open(state.resolve("catalog.db"));
        GuestNotes notes = new GuestNotes(state.resolve("guests"));
        engine = new Engine(
                new Stores(
                        fileSystems.stream()
                                .map(fileSystem -> (StorePlace) new StorePlace.Directory(fileSystem.root()))
                                .toList(),
                        KnownStores.read(state.resolve("stores.json")),
                        patience),
                machines,
                catalog,
                new Quiescer(machines, notes, FREEZE),
                notes,
                Clock.system(zone),
                new Engine.Settings("node1", Duration.ofDays(7), Duration.ofSeconds(30)));
        engine.start();
        mounted = new SnapshotTree(catalog, engine, Moments.in(zone))
                .mount(state.resolve("view"), MountOptions.named("flatsnap-races"));
        server = new ApiServer(engine, catalog, Doors.socket(socket()), state, Clock.system(zone), List::of);
        server.start();
    }

    /** Ends everything and starts it again on an empty catalog. */
    void restartWithoutCatalog() throws IOException {
        shut();
        try (Stream<Path> files = Files.list(state)) {
            for (Path file : files.filter(file -> file.getFileName().toString().startsWith("catalog"))
                    .toList()) {
                Files.delete(file);
            }
        }
        open();
    }

    private void shut() throws IOException {
        server.close();
        mounted.close();
        engine.close();
        catalog.close();
    }

    Path socket() {
        return state.resolve("run").resolve("api.sock");
    }

    Path view() {
        return state.resolve("view");
    }

    /** The one day of the run. */
    String day() {
        return LocalDate.now(zone).toString();
    }

    /** A directory for what is copied out of the view. */
    Path scratch() throws IOException {
        return Files.createDirectories(state.resolve("scratch"));
    }

    /** One of the VMs. */
    record Machine(VmId id, String name, boolean runs, int diskBytes, Map<String, Path> disks) {
        /** Writes a word all over the disks, each by one write, which a clone has whole or not at all. */
        void write(String word) {
            disks.forEach((disk, file) -> fill(file, disk, word, diskBytes));
        }

        /** What the disks hold. */
        Map<String, String> read() {
            Map<String, String> words = new TreeMap<>();
            disks.forEach((disk, file) -> words.put(disk, word(file, disk, diskBytes)));
            return words;
        }

        /** The directory of its snapshots in the view. */
        Path in(Path view) {
            return view.resolve(name);
        }
    }

    /** Makes a VM with one disk for each number of a store. */
    Machine machine(String name, VmState power, int diskBytes, int... stores) {
        VmId id = new VmId(UUID.randomUUID().toString());
        Map<String, Path> files = new LinkedHashMap<>();
        List<Disk> disks = new ArrayList<>();
        for (int store : stores) {
            String disk = "vd" + (char) ('a' + files.size());
            Path file = fileSystems.get(store).root().resolve(name + "-" + disk + ".img");
            files.put(disk, file);
            disks.add(FakeManager.rawDisk(disk, file));
        }
        Machine machine = new Machine(id, name, power == VmState.RUNNING, diskBytes, files);
        machine.write(FIRST_WORD);
        machines.put(id, name, power, disks);
        return machine;
    }

    private static byte[] pattern(String disk, String word, int bytes) {
        byte[] line = (word + " " + disk + "\n").getBytes(StandardCharsets.UTF_8);
        byte[] all = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            all[i] = line[i % line.length];
        }
        return all;
    }

    private static void fill(Path file, String disk, String word, int bytes) {
        ByteBuffer buffer =
                ByteBuffer.allocateDirect(bytes).put(pattern(disk, word, bytes)).flip();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
            if (channel.write(buffer, 0) != bytes) {
                throw new AssertionError("a write of " + bytes + " bytes was cut");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The word on a disk or image; what is not that word in every byte is told as such. */
    static String word(Path file, String disk, int bytes) {
        byte[] all;
        try {
            all = Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        String head = new String(all, 0, Math.min(all.length, LONGEST_WORD), StandardCharsets.UTF_8);
        int end = head.indexOf(' ');
        if (end > 0 && Arrays.equals(all, pattern(disk, head.substring(0, end), bytes))) {
            return head.substring(0, end);
        }
        return "garbage of " + all.length + " bytes that begins with "
                + head.lines().findFirst();
    }

    /** What an interrupted operation would leave and none does. */
    Optional<String> leftovers() throws IOException {
        for (LoopFileSystem fileSystem : fileSystems) {
            for (String directory : List.of("staging", "intents")) {
                try (Stream<Path> files =
                        Files.list(fileSystem.root().resolve(".flatsnap").resolve(directory))) {
                    Optional<Path> left = files.findFirst();
                    if (left.isPresent()) {
                        return Optional.of(left.get() + " was left");
                    }
                }
            }
        }
        return Optional.empty();
    }

    @Override
    public void close() throws IOException {
        try {
            shut();
        } finally {
            fileSystems.forEach(LoopFileSystem::close);
            Commands.run("rm", "-r", "--one-file-system", state.toString());
        }
    }
}
