package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.flatsnap.model.Json;
import org.flatsnap.server.ApiClient;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess;
import org.flatsnap.testing.DaemonProcess.Answer;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.ProxmoxNode;
import org.flatsnap.testing.RunningGuest;

/**
 * A real flatsnapd on a host of Proxmox VE, of which {@link ProxmoxNode} stands there, with a store on XFS.
 *
 * <p>Guest 100, {@code web01}, is Proxmox VE's, with two disks. Of guest 101, {@code db01}, only the storage plugin speaks.
 */
final class ProxmoxWorld implements World {
    static final int GUEST = 100;
    static final String VM = "web01";

    /** What the storage plugin says of its guest. */
    static final String OTHER =
            "{\"vmid\":101,\"type\":\"qemu\",\"name\":\"db01\",\"ctime\":1690000000,\"running\":false}";

    static final String OTHER_VM = "db01";
    private static final List<String> DISKS = List.of("vm-100-disk-0", "vm-100-disk-1");
    private static final Pattern UNDER_WAY = Pattern.compile("\"underWay\":\\s*true");
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final LoopFileSystem store = LoopFileSystem.smallXfs();
    private final Path controls = Files.createTempDirectory("flatsnap-control-");
    private final Control control;
    private final DaemonProcess daemon;
    private final ProxmoxNode node;
    private final ApiClient client;

    ProxmoxWorld() throws IOException {
        Path controlFile = controls.resolve("control");
        control = Control.at(controlFile);
        control.disarm();
        daemon = DaemonProcess.on(store.root());
        daemon.configure("manager = \"proxmox\"\nstop-timeout = \"3s\"\nretire-grace = \"0s\"");
        Path socket = daemon.directory().resolve("flatsnapd.sock");
        client = new ApiClient(socket);
        node = new ProxmoxNode(daemon.directory().resolve("pve"), socket, store.root());
        daemon.program(
                "org.flatsnap.daemon.ProxmoxFlatsnapd",
                node.guests().toString(),
                node.pvesh().toString());
        SteppedClassPath.get().use(daemon, controlFile, controls.resolve("watchdog"));
        assertThat(daemon.startsAndAnswers("vms")).isTrue();
        for (String disk : DISKS) {
            volume(disk, "new");
        }
        node.add(GUEST, VM, 1690000000, DISKS.toArray(String[]::new));
    }

    @Override
    public DaemonProcess daemon() {
        return daemon;
    }

    @Override
    public Control control() {
        return control;
    }

    ProxmoxNode node() {
        return node;
    }

    /** Makes a volume. */
    void volume(String name, String content) throws IOException {
        requireDone(send("POST", "", "{\"name\":\"" + name + "\",\"bytes\":1048576}", Map.of()));
        Bench.write(file(name), content);
    }

    /** Asks as the storage plugin does, below {@code /v1/volumes}; gives its answer as the command line would. */
    Answer send(String method, String path, String body, Map<String, String> headers) {
        String place = ApiClient.encoded(store.root().toString());
        try {
            ApiClient.Answer answer = client.send(method, "/v1/volumes" + path + "?place=" + place, body, headers);
            String json = Json.PRETTY.toJson(answer.json());
            return answer.status() < 300 ? new Answer(0, json, "") : new Answer(1, "", json);
        } catch (IOException e) {
            return new Answer(1, "", "cannot reach flatsnapd: " + e);
        }
    }

    void requireDone(Answer answer) {
        assertThat(answer.exitCode()).as(answer.errors() + tail()).isZero();
    }

    /** Where a volume lies. */
    Path file(String volume) {
        return store.root().resolve("images").resolve(volume.split("-")[1]).resolve(volume + ".raw");
    }

    /** Overwrites the disks of Proxmox VE's guest. */
    void write(String content) throws IOException {
        for (String disk : DISKS) {
            Bench.write(file(disk), content);
        }
    }

    /** What they hold. */
    List<String> read() throws IOException {
        List<String> contents = new ArrayList<>();
        for (String disk : DISKS) {
            contents.add(Bench.read(file(disk)));
        }
        return contents;
    }

    /** What a snapshot holds by disk, read through the view; empty if the view does not show it. */
    Map<String, String> shown(String vm, String snapshot) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        for (Path directory : inView()) {
            if (directory.endsWith(snapshot)
                    && directory.getParent().getParent().endsWith(vm)) {
                try (Stream<Path> files = Files.list(directory.resolve("disks"))) {
                    for (Path file : files.toList()) {
                        String name = file.getFileName().toString();
                        contents.put(name.substring(0, name.length() - ".raw".length()), Bench.read(file));
                    }
                }
            }
        }
        return contents;
    }

    private List<Path> inView() {
        return Commands.run(
                        "find",
                        daemon.view().toString(),
                        "-mindepth",
                        "3",
                        "-maxdepth",
                        "3",
                        "-type",
                        "d",
                        "-not",
                        "-path",
                        daemon.view() + "/.*")
                .lines()
                .map(Path::of)
                .toList();
    }

    /** All that the API lists. */
    List<JsonObject> listed() throws IOException {
        List<JsonObject> snapshots = new ArrayList<>();
        ApiClient.Answer answer = client.send("GET", "/v1/snapshots?limit=500");
        for (JsonElement snapshot : answer.object().getAsJsonArray("snapshots")) {
            snapshots.add(snapshot.getAsJsonObject());
        }
        return snapshots;
    }

    /** The names of a VM's guards. */
    List<String> guards(String vm) throws IOException {
        return listed().stream()
                .filter(snapshot -> snapshot.has("guard")
                        && snapshot.get("vmName").getAsString().equals(vm))
                .map(snapshot -> snapshot.get("name").getAsString())
                .toList();
    }

    /** Whether Proxmox VE has the guest locked. */
    boolean isLocked() {
        return node.guest(GUEST).has("lock");
    }

    /** As whoever administers Proxmox VE does when a task did not come to its end, and as its errors and flatsnap's say. */
    void unlock() {
        RunningGuest.await(PATIENCE, "Proxmox VE's tasks to end", () -> ProcessHandle.allProcesses()
                .noneMatch(process -> process.info()
                        .commandLine()
                        .filter(line -> line.contains(node.pvesh().toString()))
                        .isPresent()));
        if (isLocked()) {
            node.change(GUEST, guest -> guest.remove("lock"));
        }
    }

    @Override
    public void revive() throws IOException {
        control.disarm();
        if (!daemon.isAlive()) {
            daemon.startsAndAnswers("vms");
        }
        unlock();
    }

    @Override
    public void assertInOrder() throws IOException {
        for (String directory : List.of("staging", "intents")) {
            RunningGuest.await(PATIENCE, directory + " to be empty" + tail(), () -> entries(directory)
                    .isEmpty());
        }
        RunningGuest.await(
                PATIENCE,
                "guests' notes to be gone" + tail(),
                () -> isLocked()
                        || Commands.run("ls", daemon.state().resolve("guests").toString())
                                .isEmpty());
        // What Proxmox VE has come to know since is seen by the housekeeping that comes every ten seconds.
        RunningGuest.await(PATIENCE, "the store to hold what is listed" + tail(), () -> {
            try {
                TreeSet<String> ids = new TreeSet<>();
                listed().forEach(snapshot -> ids.add(snapshot.get("id").getAsString()));
                return ids.equals(onStore(false));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        TreeSet<String> names = new TreeSet<>();
        listed().forEach(snapshot -> names.add(snapshot.get("vmName").getAsString() + "/"
                + snapshot.get("name").getAsString()));
        TreeSet<String> inView = new TreeSet<>();
        inView().forEach(directory ->
                inView.add(directory.getParent().getParent().getFileName() + "/" + directory.getFileName()));
        assertThat(inView).as("view" + tail()).isEqualTo(names);
    }

    /** What Proxmox VE began and did not finish is not left either. */
    void assertNothingUnderWay() throws IOException {
        assertThat(onStore(true)).as("snapshots under way" + tail()).isEmpty();
    }

    private List<Path> entries(String directory) {
        Path place = store.root().resolve(".flatsnap").resolve(directory);
        if (!Files.isDirectory(place)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(place)) {
            return files.filter(file -> !file.getFileName().toString().startsWith("."))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The ids of those that Proxmox VE is not done with, or of the others. */
    private TreeSet<String> onStore(boolean underWay) throws IOException {
        TreeSet<String> ids = new TreeSet<>();
        for (Path vm : entries("vms")) {
            for (Path snapshot : entries("vms/" + vm.getFileName())) {
                Optional<Boolean> found = underWay(snapshot);
                if (found.isPresent() && found.get() == underWay) {
                    ids.add(snapshot.getFileName().toString());
                }
            }
        }
        return ids;
    }

    private static Optional<Boolean> underWay(Path snapshot) throws IOException {
        Path file = snapshot.resolve("snapshot.json");
        // It may be going just now.
        return Files.exists(file)
                ? Optional.of(UNDER_WAY.matcher(Files.readString(file)).find())
                : Optional.empty();
    }

    @Override
    public void close() throws IOException {
        control.disarm();
        daemon.close();
        Commands.run("rm", "-r", controls.toString());
        store.close();
    }
}
