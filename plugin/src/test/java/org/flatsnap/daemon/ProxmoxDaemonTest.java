package org.flatsnap.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.StreamSupport;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess;
import org.flatsnap.testing.DaemonProcess.Answer;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.ProxmoxNode;
import org.flatsnap.testing.RunningGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The daemon on a host of Proxmox VE: each of both asks the other, and what one knows the other comes to know. */
class ProxmoxDaemonTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private LoopFileSystem store;
    private DaemonProcess daemon;
    private ProxmoxNode node;
    private Path first;
    private Path second;

    @BeforeEach
    void start() throws IOException {
        store = LoopFileSystem.xfs();
        daemon = DaemonProcess.on(store.root());
        node = new ProxmoxNode(daemon.directory().resolve("pve"), socket(), store.root());
        daemon.configure("manager = \"proxmox\"\nstop-timeout = \"3s\"");
        daemon.program(
                "org.flatsnap.daemon.ProxmoxFlatsnapd",
                node.guests().toString(),
                node.pvesh().toString());
        daemon.start();
        first = volume("vm-100-disk-0", "a0");
        second = volume("vm-100-disk-1", "b0");
        node.add(100, "web01", 1690000000, "vm-100-disk-0", "vm-100-disk-1");
    }

    @AfterEach
    void close() throws IOException {
        daemon.close();
        store.close();
    }

    private Path socket() {
        return daemon.directory().resolve("flatsnapd.sock");
    }

    private String request(String method, String path, String body, String... more) {
        List<String> words = new ArrayList<>(List.of("curl", "-sS", "--unix-socket", socket().toString()));
        words.addAll(List.of("-X", method, "-H", "Content-Type: application/json", "-d", body));
        words.addAll(List.of(more));
        words.add("http://localhost" + path);
        return Commands.run(words.toArray(String[]::new));
    }

    private Path volume(String name, String content) throws IOException {
        String made = request(
                "POST",
                "/v1/volumes?place=" + store.root().toString().replace("/", "%2F"),
                "{\"name\":\"" + name + "\",\"bytes\":1048576}");
        Path path = Path.of(
                JsonParser.parseString(made).getAsJsonObject().get("path").getAsString());
        write(path, content);
        return path;
    }

    /** As a guest does, into the file that is there. */
    private static void write(Path disk, String content) throws IOException {
        Bench.write(disk, content);
    }

    private List<String> names(String vm) {
        return snapshots(vm).stream()
                .filter(snapshot -> !snapshot.has("guard"))
                .map(snapshot -> snapshot.get("name").getAsString())
                .toList();
    }

    private List<JsonObject> snapshots(String vm) {
        String json = daemon.succeed("list", vm, "--json");
        return StreamSupport.stream(
                        JsonParser.parseString(json)
                                .getAsJsonObject()
                                .getAsJsonArray("snapshots")
                                .spliterator(),
                        false)
                .map(JsonElement::getAsJsonObject)
                .toList();
    }

    private JsonObject known(String snapshot) {
        return node.guest(100).getAsJsonObject("snapshots").getAsJsonObject(snapshot);
    }

    private static void refused(Answer answer, String... words) {
        assertThat(answer.exitCode()).isNotZero();
        assertThat(answer.errors()).contains(words);
    }

    @Test
    void aSnapshotIsTakenThroughProxmoxAndShowsInItsTree() throws IOException {
        daemon.succeed("take", "100", "s1", "-d", "größer", "-t", "prod");
        daemon.succeed("take", "web01", "s2");
        daemon.succeed("take", "100-1690000000");

        assertThat(known("s1").get("description").getAsString()).isEqualTo("größer");
        assertThat(known("s1").has("snapstate")).isFalse();
        assertThat(known("s2").get("parent").getAsString()).isEqualTo("s1");
        assertThat(node.guest(100).has("lock")).isFalse();
        assertThat(names("100"))
                .hasSize(3)
                .endsWith("s2", "s1")
                .first()
                .asString()
                .matches("snap-[0-9_-]{23}");
        JsonObject labels = snapshots("web01").get(2).getAsJsonObject("labels");
        assertThat(labels.get("description").getAsString()).isEqualTo("größer");
        assertThat(labels.getAsJsonArray("tags").toString()).contains("prod");
        assertThat(labels.has("underWay")).isFalse();
        assertThat(snapshots("100")
                        .get(1)
                        .getAsJsonObject("labels")
                        .get("parent")
                        .getAsString())
                .isEqualTo("s1");
        Path disks = daemon.view().resolve("web01/latest/disks");
        assertThat(Bench.read(disks.resolve("vm-100-disk-0.raw"))).isEqualTo("a0");
        assertThat(Bench.read(disks.resolve("vm-100-disk-1.raw"))).isEqualTo("b0");
        assertThat(daemon.succeed("vms")).contains("web01", "vm-100-disk-0");
    }

    @Test
    void whatProxmoxDoesNotTakeIsRefusedWithItsWords() {
        daemon.succeed("take", "100", "s1");

        refused(daemon.flatsnap("take", "100", "1st"), "2 to 40 letters");
        refused(daemon.flatsnap("take", "100", "current"), "uses that word");
        refused(daemon.flatsnap("take", "100", "s1"), "of that name");
        refused(daemon.flatsnap("take", "100", "s2", "--disk", "vm-100-disk-0"), "Leave out --disk");
        refused(daemon.flatsnap("take", "100", "s2", "--strict"), "Leave out --strict");
        refused(daemon.flatsnap("clone", "100", "s1", "web02"), "qm clone");
        refused(daemon.flatsnap("take", "101", "s2"), "unknown VM '101'");
        node.change(100, guest -> guest.addProperty("lock", "backup"));
        refused(daemon.flatsnap("take", "100", "s2"), "backup", "qm unlock 100");
        assertThat(names("100")).containsExactly("s1");
    }

    @Test
    void oneThatFailsAtItsSecondDiskLeavesNothing() {
        node.mischief("snapshot", "vm-100-disk-1", "die");

        refused(daemon.flatsnap("take", "100", "s1"), "the storage of vm-100-disk-1 fails");
        assertThat(known("s1")).isNull();
        assertThat(names("100")).isEmpty();
        daemon.succeed("take", "100", "s1");
        assertThat(names("100")).containsExactly("s1");
    }

    @Test
    void rollingBackStopsTheGuestGoesThroughProxmoxAndStartsItAgain() throws IOException {
        daemon.succeed("take", "100", "s1");
        write(first, "a1");
        write(second, "b1");
        daemon.succeed("take", "100", "s2");
        node.change(100, guest -> guest.addProperty("running", true));
        node.change(100, guest -> guest.addProperty("deaf", true));

        refused(daemon.flatsnap("rollback", "100", "s1"), "--stop");
        refused(daemon.flatsnap("rollback", "100", "s1", "--stop", "--disk", "vm-100-disk-0"), "Leave out --disk");
        daemon.succeed("rollback", "100", "s1", "--stop");

        assertThat(Bench.read(first)).isEqualTo("a0");
        assertThat(Bench.read(second)).isEqualTo("b0");
        JsonObject guest = node.guest(100);
        assertThat(guest.get("running").getAsBoolean()).isTrue();
        assertThat(guest.get("how").getAsString()).isEqualTo("stop");
        assertThat(guest.get("parent").getAsString()).isEqualTo("s1");
        assertThat(guest.has("lock")).isFalse();
        // Newer ones stay, and what was there before is kept.
        assertThat(names("100")).containsExactly("s2", "s1");
        assertThat(snapshots("100"))
                .filteredOn(snapshot -> snapshot.has("guard"))
                .isNotEmpty();
        refused(daemon.flatsnap("undo", "100", "--stop"), "guard-", "cp --sparse=always");
    }

    @Test
    void aRollbackThatFailsHalfWayIsToldAndTheGuestStaysLocked() throws IOException {
        daemon.succeed("take", "100", "s1");
        write(first, "a1");
        node.mischief("rollback", "vm-100-disk-1", "die");

        refused(daemon.flatsnap("rollback", "100", "s1"), "the storage of vm-100-disk-1 fails");
        assertThat(node.guest(100).get("lock").getAsString()).isEqualTo("rollback");
        refused(daemon.flatsnap("rollback", "100", "s1"), "'rollback'", "qm unlock 100");
        node.change(100, guest -> guest.remove("lock"));
        daemon.succeed("rollback", "100", "s1");
        assertThat(Bench.read(first)).isEqualTo("a0");
    }

    @Test
    void deletingGoesThroughProxmoxWhatItDoesNotKnowGoesDirectly() throws IOException {
        daemon.succeed("take", "100", "s1");
        daemon.succeed("take", "100", "s2");
        daemon.succeed("take", "100", "s3");
        daemon.succeed("hold", "100", "s2");
        refused(daemon.flatsnap("delete", "100", "s2"), "held");
        daemon.succeed("release", "100", "s2");

        daemon.succeed("delete", "100", "s2");
        assertThat(known("s2")).isNull();
        assertThat(known("s3").get("parent").getAsString()).isEqualTo("s1");
        assertThat(names("100")).containsExactly("s3", "s1");

        // Somebody edits the configuration.
        node.change(100, guest -> guest.getAsJsonObject("snapshots").remove("s3"));
        RunningGuest.await(PATIENCE, "the doctor to see it", () -> daemon.flatsnap("doctor")
                .output()
                .contains("does not know 1 of its snapshots: s3"));
        assertThat(snapshots("100"))
                .filteredOn(snapshot -> snapshot.has("orphaned"))
                .extracting(snapshot -> snapshot.get("name").getAsString())
                .containsExactly("s3");
        assertThat(daemon.succeed("list", "100").lines().filter(line -> line.contains("orphaned")))
                .hasSize(1)
                .allMatch(line -> line.startsWith("s3"));
        assertThat(daemon.succeed("find", "name=s3")).contains("orphaned");
        assertThat(daemon.succeed("show", "100", "s3")).contains("orphaned     the manager does not know it");
        assertThat(daemon.succeed("show", "100", "s1")).doesNotContain("orphaned");
        refused(daemon.flatsnap("rollback", "100", "s3"), "does not know snapshot s3");
        daemon.succeed("delete", "100", "s3");
        assertThat(names("100")).containsExactly("s1");
    }

    @Test
    void whatIsSaidOfASnapshotIsTheSameOnBothSides() {
        daemon.succeed("take", "100", "s1", "-d", "one");
        daemon.succeed("describe", "100", "s1", "two");
        assertThat(known("s1").get("description").getAsString()).isEqualTo("two");

        node.pvesh("set", "/nodes/pve1/qemu/100/snapshot/s1/config", "--description", "three");
        node.pvesh("create", "/nodes/pve1/qemu/100/snapshot", "--snapname", "s2");
        RunningGuest.await(PATIENCE, "the description to come over", () -> snapshots("100").stream()
                .anyMatch(snapshot -> snapshot.toString().contains("three")));
        assertThat(names("100")).containsExactly("s2", "s1");
    }

    @Test
    void aTakeThatIsRepeatedAfterAKillFindsItsSnapshot() throws Exception {
        node.mischief("snapshot", "vm-100-disk-1", "wait");
        String id = UUID.randomUUID().toString();
        CompletableFuture<String> cut = CompletableFuture.supplyAsync(() -> {
            try {
                return request("POST", "/v1/vms/100/snapshots", "{\"tags\":[\"prod\"]}", "-H", "Operation-Id: " + id);
            } catch (RuntimeException | AssertionError e) {
                return "cut";
            }
        });
        RunningGuest.await(PATIENCE, "the first disk", () -> node.cluster().has("waiting"));
        assertThat(names("100")).isEmpty();
        daemon.kill();
        assertThat(cut.get()).isEqualTo("cut");
        daemon.start();

        node.letGo();
        JsonObject taken = JsonParser.parseString(
                        request("POST", "/v1/vms/100/snapshots", "{\"tags\":[\"prod\"]}", "-H", "Operation-Id: " + id))
                .getAsJsonObject();

        assertThat(names("100")).containsExactly(taken.get("name").getAsString());
        assertThat(taken.getAsJsonArray("disks")).hasSize(2);
        assertThat(taken.getAsJsonObject("labels").toString()).contains("prod").doesNotContain("underWay");
        assertThat(node.guest(100).getAsJsonObject("snapshots").size()).isEqualTo(1);
        assertThat(request("POST", "/v1/vms/100/snapshots", "{\"tags\":[\"prod\"]}", "-H", "Operation-Id: " + id))
                .contains(taken.get("id").getAsString());
    }

    @Test
    void aRollbackThatIsRepeatedAfterAKillIsDoneOnceAndTheGuestRunsAgain() throws Exception {
        daemon.succeed("take", "100", "s1");
        write(first, "a1");
        write(second, "b1");
        node.change(100, guest -> guest.addProperty("running", true));
        node.mischief("rollback", "vm-100-disk-1", "wait");
        String id = UUID.randomUUID().toString();
        String path = "/v1/vms/100/snapshots/s1/rollback";
        CompletableFuture<String> cut = CompletableFuture.supplyAsync(() -> {
            try {
                return request("POST", path, "{\"stop\":true}", "-H", "Operation-Id: " + id);
            } catch (RuntimeException | AssertionError e) {
                return "cut";
            }
        });
        RunningGuest.await(PATIENCE, "the first disk", () -> node.cluster().has("waiting"));
        daemon.kill();
        assertThat(cut.get()).isEqualTo("cut");
        daemon.start();
        assertThat(node.guest(100).get("running").getAsBoolean()).isFalse();

        node.letGo();
        JsonObject done = JsonParser.parseString(request("POST", path, "{\"stop\":true}", "-H", "Operation-Id: " + id))
                .getAsJsonObject();

        assertThat(done.has("guard")).as("%s", done).isTrue();
        assertThat(Bench.read(first)).isEqualTo("a0");
        assertThat(Bench.read(second)).isEqualTo("b0");
        assertThat(snapshots("100"))
                .filteredOn(snapshot -> snapshot.has("guard"))
                .hasSize(2);
        RunningGuest.await(PATIENCE, "the guest to run", () -> node.guest(100)
                .get("running")
                .getAsBoolean());
    }

    @Test
    void aNumberThatIsUsedAgainIsAnotherGuest() throws IOException {
        daemon.succeed("take", "100", "s1");
        node.remove(100);
        for (String volume : List.of("vm-100-disk-0", "vm-100-disk-1")) {
            request(
                    "DELETE",
                    "/v1/volumes/" + volume + "?place="
                            + store.root().toString().replace("/", "%2F"),
                    "");
        }
        volume("vm-100-disk-0", "c0");
        node.add(100, "other", 1700000000, "vm-100-disk-0");

        // A list of the guests may be two seconds old.
        RunningGuest.await(PATIENCE, "the new guest", () -> names("100").isEmpty());
        daemon.succeed("take", "100", "s1");
        assertThat(names("100")).containsExactly("s1");
        assertThat(names("100-1690000000")).containsExactly("s1");
        assertThat(daemon.succeed("list", "100")).doesNotContain("retired");
        assertThat(daemon.succeed("list", "100-1690000000")).contains("retired 20");
        assertThat(daemon.succeed("find", "name=s1").lines().filter(line -> line.contains("retired 20")))
                .hasSize(1)
                .allMatch(line -> line.startsWith("web01"));
        Path gone = daemon.view().resolve("web01");
        assertThat(gone).doesNotExist();
        assertThat(daemon.view().resolve("100-1690000000")).doesNotExist();
        assertThat(Bench.read(daemon.view().resolve("other/latest/disks/vm-100-disk-0.raw")))
                .isEqualTo("c0");
        assertThat(Commands.run(
                        "sh",
                        "-c",
                        "cat " + daemon.view() + "/.retired/web01/*/s1/disks/vm-100-disk-0.raw | head -c 2"))
                .isEqualTo("a0");
    }

    @Test
    void withoutGraceARemovedGuestLeavesNothing() throws Exception {
        daemon.stop();
        daemon.configure("retire-grace = \"0s\"");
        daemon.start();
        daemon.succeed("take", "100", "s1");
        node.remove(100);
        for (String volume : List.of("vm-100-disk-0", "vm-100-disk-1")) {
            request(
                    "DELETE",
                    "/v1/volumes/" + volume + "?place="
                            + store.root().toString().replace("/", "%2F"),
                    "");
        }
        assertThat(daemon.succeed("find", "name=s1")).doesNotContain("s1");
        assertThat(Commands.run("ls", "-A", daemon.view() + "/.retired")).isEmpty();
    }

    @Test
    void nothingOfLibvirtIsTouchedAndTheDoctorSaysWhoHasTheGuests() throws IOException {
        assertThat(Files.readString(Path.of("/proc/" + daemon.pid() + "/maps"))).doesNotContain("libvirt");
        String doctor = daemon.flatsnap("doctor").output();
        assertThat(doctor).contains("Proxmox VE at node pve1").doesNotContain("hook", "watchdog");
    }
}
