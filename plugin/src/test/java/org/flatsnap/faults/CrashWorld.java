package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.flatsnap.testing.Bench.rawDisk;
import static org.flatsnap.testing.RunningGuest.virsh;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.sun.jna.LastErrorException;
import com.sun.jna.Library;
import com.sun.jna.Native;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.RunningGuest;

/**
 * A real flatsnapd that dies and fails where it is told to, with real disks, real libvirt and a real view, and what is known
 * of it by plain means: which snapshots were acknowledged with which content.
 *
 * <p>One VM is off, with NVRAM and a disk on each of two stores. One runs, without an operating system, with two disks. A third,
 * if there is one, runs Linux with the guest agent.
 */
final class CrashWorld implements World {
    static final Sites SITES = Sites.scan();

    private final LoopFileSystem first;
    private final LoopFileSystem second;
    private final boolean copyOnWrite;
    private final Path controls = Files.createTempDirectory("flatsnap-control-");
    private final DaemonProcess daemon;
    private final Control control;
    private final Control watchdogControl;
    private final Machine off;
    private final Machine running;
    private final boolean withGuest;
    private Optional<Machine> guest = Optional.empty();

    private interface Attributes extends Library {
        Attributes C = Native.load("c", Attributes.class);

        int setxattr(String path, String name, byte[] value, long size, int flags) throws LastErrorException;
    }

    /** A VM by its name, with the files that are its own, by the names under which snapshots keep them. */
    record Machine(String name, String uuid, Map<String, Path> files) {
        /** Overwrites all files, as a guest would. */
        void write(String content) throws IOException {
            for (Path file : files.values()) {
                overwrite(file, content);
            }
        }

        /** What the files hold. */
        Map<String, String> read() throws IOException {
            Map<String, String> contents = new TreeMap<>();
            for (Map.Entry<String, Path> file : files.entrySet()) {
                contents.put(file.getKey(), Bench.read(file.getValue()));
            }
            return contents;
        }

        /** All of them with one content. */
        Map<String, String> holding(String content) {
            Map<String, String> contents = new TreeMap<>();
            files.keySet().forEach(file -> contents.put(file, content));
            return contents;
        }
    }

    private CrashWorld(
            LoopFileSystem first, LoopFileSystem second, Path directory, boolean copyOnWrite, boolean withGuest)
            throws IOException {
        this.first = first;
        this.second = second;
        this.copyOnWrite = copyOnWrite;
        Files.createDirectory(extra());
        daemon = DaemonProcess.in(directory, first.root(), second.root(), extra());
        daemon.configure("stop-timeout = \"1s\"");
        Path controlFile = controls.resolve("control");
        control = Control.at(controlFile);
        control.disarm();
        watchdogControl = Control.at(controls.resolve("watchdog"));
        watchdogControl.disarm();
        SteppedClassPath.get().use(daemon, controlFile, controls.resolve("watchdog"));
        off = machine("off", true);
        running = machine("running", false);
        virsh("start", running.uuid());
        this.withGuest = withGuest;
        assertThat(daemon.startsAndAnswers("vms")).isTrue();
        // There is another host, which never says anything.
        Files.createFile(first.root().resolve(".flatsnap/changes/other"));
    }

    /** On XFS. */
    static CrashWorld onXfs() throws IOException {
        return new CrashWorld(LoopFileSystem.smallXfs(), LoopFileSystem.smallXfs(), temporary(), true, false);
    }

    private static Path temporary() throws IOException {
        return Files.createTempDirectory("flatsnapd-");
    }

    /** With stores on these, which belong to it from now on, and what else the daemon and firmware have in a directory. */
    static CrashWorld on(LoopFileSystem first, LoopFileSystem second, Path directory) throws IOException {
        return new CrashWorld(first, second, directory, true, false);
    }

    /** On btrfs with disks that it does not copy on write, as libvirt's storage pools make them. */
    static CrashWorld onBtrfsNocow() throws IOException {
        return new CrashWorld(LoopFileSystem.btrfs(), LoopFileSystem.btrfs(), temporary(), false, true);
    }

    /** A third store, without disks. */
    Path extra() {
        return first.root().resolve("extra");
    }

    private Machine machine(String kind, boolean firmware) throws IOException {
        UUID uuid = UUID.randomUUID();
        String name = kind + "-" + uuid.toString().substring(0, 8);
        Map<String, Path> files = new LinkedHashMap<>();
        files.put("disks/vda.raw", first.root().resolve(name + "-a.raw"));
        files.put("disks/vdb.raw", second.root().resolve(name + "-b.raw"));
        String os = "";
        if (firmware) {
            files.put("nvram.fd", daemon.directory().resolve(name + "_VARS.fd"));
            Path loader = Files.createFile(daemon.directory().resolve("loader.fd"));
            os = "<loader readonly='yes' type='pflash'>" + loader + "</loader><nvram>" + files.get("nvram.fd")
                    + "</nvram>";
        }
        for (Path file : files.values()) {
            if (!copyOnWrite && file.toString().endsWith(".raw")) {
                Files.createFile(file);
                Commands.run("chattr", "+C", file.toString());
            }
            Bench.write(file, "new");
        }
        // As SELinux hosts have it; the kernel keeps the label without knowing what it means.
        byte[] label = "svirt".getBytes(StandardCharsets.UTF_8);
        Attributes.C.setxattr(files.get("disks/vda.raw").toString(), "security.selinux", label, label.length, 0);
        Path xml = Files.writeString(daemon.directory().resolve(name + ".xml"), """
                <domain type='qemu'>
                  <name>%s</name><uuid>%s</uuid><memory unit='MiB'>16</memory><vcpu>1</vcpu>
                  <os><type arch='x86_64' machine='pc'>hvm</type>%s</os><features><acpi/></features>
                  <on_poweroff>destroy</on_poweroff>
                  <devices>%s%s</devices>
                </domain>
                """.formatted(
                        name,
                        uuid,
                        os,
                        rawDisk("vda", files.get("disks/vda.raw")),
                        rawDisk("vdb", files.get("disks/vdb.raw"))));
        virsh("define", xml.toString());
        return new Machine(name, uuid.toString(), files);
    }

    /** It takes its time to boot. */
    private Machine linux() throws IOException {
        UUID uuid = UUID.randomUUID();
        String name = "linux-" + uuid.toString().substring(0, 8);
        Path disk = first.root().resolve(name + "-a.raw");
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(16L << 20);
        }
        Commands.run("mkfs.ext4", "-q", disk.toString());
        Path script = Path.of("../packaging/guest/domain").toAbsolutePath().normalize();
        Path xml = Files.writeString(
                daemon.directory().resolve(name + ".xml"),
                Commands.run(script.toString(), "--uuid", uuid.toString(), name, disk.toString()));
        virsh("define", xml.toString());
        virsh("start", uuid.toString());
        return new Machine(name, uuid.toString(), Map.of("disks/vda.raw", disk));
    }

    /** Whether its agent says that its file systems are frozen; empty if no agent answers. */
    Optional<Boolean> frozen(Machine vm) {
        return ask("{\"execute\":\"guest-fsfreeze-status\"}", vm).map(answer -> answer.contains("frozen"));
    }

    private static Optional<String> ask(String question, Machine vm) {
        try {
            return Optional.of(virsh("qemu-agent-command", vm.uuid(), "--timeout", "3", question));
        } catch (AssertionError e) {
            return Optional.empty();
        }
    }

    /** In place, so that the file stays the one that a guest has open. */
    private static void overwrite(Path file, String content) throws IOException {
        byte[] text = Arrays.copyOf(content.getBytes(StandardCharsets.UTF_8), 512);
        try (var channel = java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
            channel.write(java.nio.ByteBuffer.wrap(text));
        }
    }

    Machine off() {
        return off;
    }

    Machine running() {
        return running;
    }

    boolean hasGuest() {
        return withGuest;
    }

    /** Boots when it is first asked for: it keeps a processor busy. */
    Machine guest() throws IOException {
        if (guest.isEmpty()) {
            guest = Optional.of(linux());
        }
        return guest.get();
    }

    private List<Machine> machines() {
        return Stream.concat(Stream.of(off, running), guest.stream()).toList();
    }

    @Override
    public Control control() {
        return control;
    }

    /** What is to happen to the watchdogs. */
    Control watchdogControl() {
        return watchdogControl;
    }

    @Override
    public DaemonProcess daemon() {
        return daemon;
    }

    List<LoopFileSystem> fileSystems() {
        return List.of(first, second);
    }

    @Override
    public void revive() throws IOException {
        control.disarm();
        watchdogControl.disarm();
        if (!daemon.isAlive()) {
            daemon.startsAndAnswers("vms");
        }
        if (virsh("domstate", running.uuid()).strip().equals("shut off")) {
            // Refused while a rollback stands, which starts it when it is done.
            Commands.exitCode("virsh", "-c", Bench.URI, "start", running.uuid());
        }
    }

    /** A VM's snapshots as the API lists them, by name. */
    Map<String, JsonObject> listed(Machine vm) {
        Map<String, JsonObject> byName = new TreeMap<>();
        JsonArray snapshots = succeed("list", vm.name(), "--limit", "500").getAsJsonArray("snapshots");
        for (JsonElement snapshot : snapshots) {
            byName.put(snapshot.getAsJsonObject().get("name").getAsString(), snapshot.getAsJsonObject());
        }
        return byName;
    }

    /** What a snapshot holds, read through the view; empty if the view does not show it. */
    Optional<Map<String, String>> shown(Machine vm, String snapshot) throws IOException {
        Path directory = daemon.view().resolve(vm.name());
        if (!Files.isDirectory(directory)) {
            return Optional.empty();
        }
        try (Stream<Path> days = Files.list(directory)) {
            for (Path day : days.filter(Files::isDirectory)
                    .filter(path -> !Files.isSymbolicLink(path))
                    .toList()) {
                if (Files.isDirectory(day.resolve(snapshot))) {
                    Map<String, String> contents = new TreeMap<>();
                    for (String file : vm.files().keySet()) {
                        try {
                            contents.put(file, Bench.read(day.resolve(snapshot).resolve(file)));
                        } catch (NoSuchFileException e) {
                            // The kernel may remember for a moment the directory of one that was deleted.
                            return Optional.empty();
                        }
                    }
                    return Optional.of(contents);
                }
            }
        }
        return Optional.empty();
    }

    /** The newest guard of a VM. */
    String newestGuard(Machine vm) {
        return listed(vm).entrySet().stream()
                .filter(entry -> entry.getValue().has("guard"))
                .max((a, b) -> a.getValue()
                        .get("takenAt")
                        .getAsString()
                        .compareTo(b.getValue().get("takenAt").getAsString()))
                .orElseThrow(() -> new AssertionError("no guard of " + vm.name()))
                .getKey();
    }

    /** All guards of a VM, whatever they were taken for. */
    void deleteGuards(Machine vm) {
        listed(vm).forEach((name, snapshot) -> {
            if (snapshot.has("guard")) {
                succeed("delete", vm.name(), name);
            }
        });
    }

    /** At any time: no VM starts between before and after, and its disks are one or the other. */
    void assertNeverBetween(Machine vm, Map<String, String> before, Map<String, String> after) throws IOException {
        if (!intents().isEmpty()) {
            Throwable refusal = catchThrowable(() -> virsh("start", vm.uuid()));
            if (refusal != null && refusal.getMessage().contains("is not finished; start flatsnapd to finish it")) {
                return;
            }
            // A daemon that lives may have finished it just now; of a VM that runs it finishes none.
            assertThat(intents())
                    .as("libvirt starts " + vm.name() + " in the middle of a rollback: " + refusal)
                    .isEmpty();
            if (refusal == null && vm.equals(off)) {
                virsh("destroy", vm.uuid());
            }
        }
        assertThat(vm.read()).isIn(before, after);
    }

    /** Those that stand; what is left of one that was never written to the end says nothing. */
    private List<Path> intents() throws IOException {
        return own("intents").stream()
                .filter(file -> !file.toString().endsWith(".new"))
                .toList();
    }

    private List<Path> own(String directory) throws IOException {
        List<Path> found = new ArrayList<>();
        for (LoopFileSystem fileSystem : fileSystems()) {
            Path place = fileSystem.root().resolve(".flatsnap").resolve(directory);
            if (Files.isDirectory(place)) {
                try (Stream<Path> files = Files.list(place)) {
                    files.forEach(found::add);
                }
            }
        }
        return found;
    }

    /** Takes away what was staged, as somebody might who wants room. */
    void loseStaging() throws IOException {
        for (Path directory : own("staging")) {
            Commands.run("rm", "-r", directory.toString());
        }
    }

    @Override
    public void assertInOrder() throws IOException {
        assertTidy();
        RunningGuest.await(Duration.ofSeconds(30), "the VM to run", () -> virsh("domstate", running.uuid())
                .strip()
                .equals("running"));
    }

    /** {@link #assertInOrder}, whether VMs run or not. */
    void assertTidy() throws IOException {
        // What waits for a lock or for libvirt is done by the housekeeping that comes every ten seconds.
        RunningGuest.await(Duration.ofSeconds(30), "nothing to be left: " + tail(), () -> {
            try {
                return own("staging").isEmpty() && own("intents").isEmpty();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        RunningGuest.await(Duration.ofSeconds(30), "guests' notes to be gone" + tail(), () -> {
            try (Stream<Path> notes = Files.list(daemon.state().resolve("guests"))) {
                return notes.findAny().isEmpty();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        for (Machine vm : machines()) {
            Map<String, JsonObject> listed = listed(vm);
            assertThat(inView(vm)).as("view of " + vm.name() + tail()).isEqualTo(new TreeSet<>(listed.keySet()));
            for (LoopFileSystem store : fileSystems()) {
                if (vm.files().values().stream().anyMatch(file -> file.startsWith(store.root()))) {
                    // What could not be removed at once is, by the housekeeping.
                    RunningGuest.await(
                            Duration.ofSeconds(30),
                            store.root() + " to hold what is listed of " + vm.name() + tail(),
                            () -> onStore(store, vm).equals(ids(listed)));
                }
            }
        }
        try (Stream<Path> files = Files.list(daemon.directory())) {
            assertThat(files.filter(file -> file.getFileName().toString().contains(".flatsnap-")))
                    .as("staged NVRAM")
                    .isEmpty();
        }
    }

    private TreeSet<String> inView(Machine vm) throws IOException {
        TreeSet<String> names = new TreeSet<>();
        Path directory = daemon.view().resolve(vm.name());
        if (Files.isDirectory(directory)) {
            Commands.run("find", directory.toString(), "-mindepth", "2", "-maxdepth", "2", "-printf", "%f\\n")
                    .lines()
                    .forEach(names::add);
        }
        return names;
    }

    private static TreeSet<String> ids(Map<String, JsonObject> listed) {
        TreeSet<String> ids = new TreeSet<>();
        listed.values().forEach(snapshot -> ids.add(snapshot.get("id").getAsString()));
        return ids;
    }

    private static TreeSet<String> onStore(LoopFileSystem store, Machine vm) {
        TreeSet<String> ids = new TreeSet<>();
        Path directory = store.root().resolve(".flatsnap/vms").resolve(vm.uuid());
        if (Files.isDirectory(directory)) {
            try (Stream<Path> snapshots = Files.list(directory)) {
                snapshots
                        .map(path -> path.getFileName().toString())
                        .filter(name -> !name.startsWith("."))
                        .forEach(ids::add);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return ids;
    }

    @Override
    public void close() throws IOException {
        control.disarm();
        for (Machine vm : machines()) {
            Commands.exitCode("virsh", "-c", Bench.URI, "destroy", vm.uuid());
            Commands.exitCode("virsh", "-c", Bench.URI, "undefine", vm.uuid(), "--managed-save", "--nvram");
        }
        daemon.close();
        Commands.run("rm", "-r", controls.toString());
        first.close();
        second.close();
    }
}
