package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.flatsnap.store.Capture;
import org.flatsnap.store.DiskSource;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Staged;
import org.flatsnap.store.Store;
import org.flatsnap.store.StorePlace;
import org.flatsnap.store.VmLock;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.StoreHost;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/**
 * Two nodes of a cluster and one store on OCFS2. Run by packaging/engines/junit --nodes 2, on both nodes at the same time; they
 * tell each other by files in /share how far they are. In the last test node 2 loses its power, so only node 1 reports.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class Ocfs2TwoNodesEngineTest {
    private static final boolean FIRST = "1".equals(System.getenv("FLATSNAP_NODE"));
    private static final String NODE = FIRST ? "node1" : "node2";
    private static final Path SHARE = Path.of("/share");
    private static final Path ROOT = Path.of("/flatsnap-store");
    private static final Path STAGING = ROOT.resolve(".flatsnap/staging");

    private static final Duration TOLD = Duration.ofSeconds(2);
    private static final int ROUNDS = 5;

    /** Until a node's death is sure and its journal is replayed: 17 to 22 s. */
    private static final Duration DEATH = Duration.ofSeconds(60);

    /** Two rounds of housekeeping on an emulated processor. */
    private static final Duration TIDIED = Duration.ofSeconds(40);

    /** For the other node, which may still be starting. */
    private static final Duration MEETING = Duration.ofSeconds(120);

    private static final VmId WEB = new VmId("web");
    private static final VmId MAIL = new VmId("mail");
    private static final VmId TAKING = new VmId("taking");
    private static final VmId ROLLING = new VmId("rolling");
    private static final VmId DELETING = new VmId("deleting");
    private static final DiskName VDA = new DiskName("vda");

    private static StoreHost host;
    private static Store store;
    private static int passed;

    @BeforeAll
    static void mount() throws IOException {
        String device = System.getenv("FLATSNAP_DISKS").split(" ")[0];
        if (FIRST) {
            Commands.run(
                    "mkfs.ocfs2",
                    "-q",
                    "-M",
                    "cluster",
                    "-N",
                    "2",
                    "--cluster-stack=o2cb",
                    "--cluster-name=flatsnap",
                    "--fs-features=refcount,xattr",
                    "-b",
                    "4K",
                    "-C",
                    "64K",
                    device);
            say("made");
        }
        hear("made");
        Commands.run("mount", "-t", "ocfs2", device, Files.createDirectory(ROOT).toString());
        if (FIRST) {
            for (VmId vm : List.of(WEB, MAIL, TAKING, ROLLING, DELETING)) {
                Bench.write(disk(vm, "vda"), vm + " 0");
            }
            Bench.write(disk(ROLLING, "vdb"), "data 0");
            open();
            say("opened");
        } else {
            hear("opened");
            open();
        }
        meet("open");
    }

    private static void open() throws IOException {
        host = new StoreHost(new StorePlace.Directory(ROOT, Optional.of(NODE)), NODE);
        store = new StorePlace.Directory(ROOT, Optional.of(NODE)).open(Optional.empty());
    }

    @AfterAll
    static void unmount() {
        store.close();
        host.close();
        Commands.run("umount", ROOT.toString());
    }

    private static Path disk(VmId vm, String name) {
        return ROOT.resolve(vm + "-" + name + ".raw");
    }

    private static void define(VmId... vms) {
        for (VmId vm : vms) {
            host.define(vm, disk(vm, "vda"));
        }
    }

    // --- how far the nodes are

    private static void say(String what) throws IOException {
        Files.createFile(SHARE.resolve(what));
    }

    private static Duration hear(String what) throws IOException {
        return await(MEETING, "the other node: " + what, () -> Files.exists(SHARE.resolve(what)));
    }

    private static void meet(String where) throws IOException {
        say(where + "-" + NODE);
        hear(where + (FIRST ? "-node2" : "-node1"));
    }

    /** How long it took. */
    private static Duration await(Duration patience, String what, Callable<Boolean> condition) throws IOException {
        long began = System.nanoTime();
        try {
            while (!condition.call()) {
                assertThat(Duration.ofNanos(System.nanoTime() - began))
                        .as("waiting for " + what)
                        .isLessThan(patience);
                Thread.sleep(20);
            }
        } catch (IOException | RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
        Duration elapsed = Duration.ofNanos(System.nanoTime() - began);
        System.out.printf("%s: %d ms%n", what, elapsed.toMillis());
        return elapsed;
    }

    // --- what one does the other knows

    /**
     * Both measure by their own clock, until the other has answered. The first round finds nothing loaded yet, and the host may
     * hold up an emulated processor at any time, so the median counts.
     */
    @Test
    @Order(1)
    void aSnapshotOfOneNodeIsListedAndReadOnTheOtherWithinTwoSeconds() throws IOException {
        if (FIRST) {
            define(WEB);
        } else {
            define(MAIL);
        }
        List<Duration> takes = new ArrayList<>();
        List<Duration> deletes = new ArrayList<>();
        for (int i = 0; i < ROUNDS; i++) {
            if (FIRST) {
                takes.add(take(WEB, "web " + i));
                deletes.add(delete(WEB, "web" + i));
                read(MAIL, "mail " + i);
            } else {
                read(WEB, "web " + i);
                miss(WEB, "web" + i);
                takes.add(take(MAIL, "mail " + i));
            }
        }
        meet("told");
        assertThat(median(takes)).as("takes: " + takes).isLessThan(TOLD);
        if (FIRST) {
            assertThat(median(deletes)).as("deletes: " + deletes).isLessThan(TOLD);
        }
        passed++;
    }

    private static Duration median(List<Duration> durations) {
        return durations.stream().sorted().toList().get(durations.size() / 2);
    }

    /** How long the other did not know. */
    private static Duration take(VmId vm, String content) throws IOException {
        Bench.write(disk(vm, "vda"), content);
        String name = content.replace(" ", "");
        host.take(vm, name);
        return hear("read-" + name);
    }

    private static Duration delete(VmId vm, String name) throws IOException {
        host.engine().delete(OperationId.random(), vm.value(), name);
        return hear("gone-" + name);
    }

    private static void miss(VmId vm, String name) throws IOException {
        await(MEETING, name + " to go", () -> !host.names(vm).contains(name));
        say("gone-" + name);
    }

    private static void read(VmId vm, String content) throws IOException {
        String name = content.replace(" ", "");
        await(MEETING, name + " to come", () -> host.names(vm).contains(name));
        assertThat(content(vm, name, "vda")).isEqualTo(content);
        say("read-" + name);
    }

    private static Snapshot find(VmId vm, String name) {
        return host.catalog().query(SnapshotQuery.ALL.ofVmsNamed(vm.value())).snapshots().stream()
                .filter(snapshot -> snapshot.name().value().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static String content(VmId vm, String name, String disk) throws IOException {
        return Bench.read(host.engine().image(find(vm, name), new DiskName(disk)));
    }

    // --- one at a time

    @Test
    @Order(2)
    void oneNodeAtATimeWorksOnAVm() throws IOException {
        define(WEB, MAIL);
        if (!FIRST) {
            try (VmLock lock = store.lock(WEB, Duration.ZERO)) {
                assertThat(lock).isNotNull();
                meet("locked");
                meet("tried");
            }
            meet("unlocked");
            passed++;
            return;
        }
        meet("locked");
        assertThatThrownBy(() -> host.take(WEB, "locked"))
                .isInstanceOfSatisfying(Problem.class, e -> assertThat(e.code()).isEqualTo(Code.BUSY));
        host.take(MAIL, "free");
        meet("tried");
        meet("unlocked");
        host.take(WEB, "unlocked");
    }

    // --- a node dies

    /**
     * In the middle of three operations.
     *
     * <pre>
     * VM         disks
     * taking     vda         cloned, nothing published
     * rolling    vda, vdb    one of both swapped
     * deleting   vda         unpublished, not freed
     * </pre>
     */
    @Test
    @Order(3)
    void whatADyingNodeLeavesTheOtherBringsIntoOrder() throws Exception {
        if (!FIRST) {
            die();
            return;
        }
        Path unpublished = ROOT.resolve(".flatsnap/vms/deleting/.deleted");
        hear("dying");
        host.engine().keepHouse();
        assertThat(STAGING.toFile().list()).as("the living node's work").hasSize(2);
        assertThat(unpublished).isNotEmptyDirectory();
        assertThat(Bench.read(disk(ROLLING, "vda"))).isEqualTo("rolling 0");
        assertThat(Bench.read(disk(ROLLING, "vdb"))).isEqualTo("data 1");
        assertThatThrownBy(() -> store.lock(TAKING, Duration.ZERO)).isInstanceOf(Problem.class);

        Files.createFile(SHARE.resolve("node2.kill"));
        await(DEATH, "the dead node's lock", this::takingIsFree);
        await(TIDIED, "the rollback's disks", () -> Bench.read(disk(ROLLING, "vdb"))
                .equals("data 0"));
        assertThat(Bench.read(disk(ROLLING, "vda"))).isEqualTo("rolling 0");
        await(TIDIED, "the take to be cleared", () -> STAGING.toFile().list().length == 1);
        await(TIDIED, "the delete to be finished", () -> unpublished.toFile().list().length == 0);
        assertThat(store.intent(ROLLING)).as("keeps the VM off, wherever it is").isPresent();

        host.define(ROLLING, disk(ROLLING, "vda"), disk(ROLLING, "vdb"));
        await(TIDIED, "the rollback to end", () -> store.intent(ROLLING).isEmpty());
        await(TIDIED, "what it had staged", () -> STAGING.toFile().list().length == 0);

        define(TAKING, DELETING);
        for (VmId vm : List.of(TAKING, ROLLING, DELETING)) {
            host.take(vm, "after");
        }
        assertThat(host.names(TAKING)).containsExactly("after", "s0");
        assertThat(host.names(DELETING)).containsExactly("after");
        assertThat(host.names(ROLLING)).containsExactly("after", "s0", "s1");
        assertThat(content(TAKING, "after", "vda")).isEqualTo("taking 1");
        assertThat(content(TAKING, "s0", "vda")).isEqualTo("taking 0");
        assertThat(content(ROLLING, "after", "vda")).isEqualTo("rolling 0");
        assertThat(content(ROLLING, "after", "vdb")).isEqualTo("data 0");
        assertThat(content(ROLLING, "s1", "vda")).isEqualTo("rolling 1");
        assertThat(content(ROLLING, "s1", "vdb")).isEqualTo("data 1");
        assertThat(content(DELETING, "after", "vda")).isEqualTo("deleting 0");
        assertThat(content(MAIL, "last", "vda")).as("acknowledged right before").isEqualTo("mail 4");
    }

    private Boolean takingIsFree() {
        try (VmLock lock = store.lock(TAKING, Duration.ZERO)) {
            return lock != null;
        } catch (Problem e) {
            return false;
        }
    }

    private static void die() throws Exception {
        assertThat(passed).as("passed here, which a dead node cannot report").isEqualTo(2);
        define(TAKING, DELETING, MAIL);
        host.define(ROLLING, disk(ROLLING, "vda"), disk(ROLLING, "vdb"));
        host.take(TAKING, "s0");
        Snapshot target = host.take(ROLLING, "s0");
        Snapshot deleted = host.take(DELETING, "s0");
        Bench.write(disk(TAKING, "vda"), "taking 1");
        Bench.write(disk(ROLLING, "vda"), "rolling 1");
        Bench.write(disk(ROLLING, "vdb"), "data 1");
        Snapshot guard = host.take(ROLLING, "s1");

        // None of this is closed.
        store.lock(TAKING, Duration.ZERO);
        Capture capture = store.capture(
                OperationId.random(),
                TAKING,
                SnapshotId.of(Instant.now(), 1),
                List.of(new DiskSource(VDA, disk(TAKING, "vda"))));
        capture.cloneDisks();
        store.lockRollback(ROLLING, Duration.ZERO);
        store.lock(ROLLING, Duration.ZERO);
        swapOneOfTwo(target, guard);
        store.lock(DELETING, Duration.ZERO);
        store.unpublish(DELETING, deleted.id());
        host.take(MAIL, "last");
        say("dying");
        Thread.sleep(Long.MAX_VALUE);
    }

    private static void swapOneOfTwo(Snapshot target, Snapshot guard) {
        OperationId operation = OperationId.random();
        try (Staged staged = store.stage(
                operation,
                target,
                target.disks(),
                Map.of(
                        VDA,
                        store.stamp(disk(ROLLING, "vda")).orElseThrow(),
                        new DiskName("vdb"),
                        store.stamp(disk(ROLLING, "vdb")).orElseThrow()))) {
            Intent intent = new Intent(
                    operation,
                    NODE,
                    ROLLING,
                    target.id(),
                    Optional.of(guard.id()),
                    staged.swaps(),
                    Optional.empty(),
                    Optional.empty(),
                    true);
            store.write(intent);
            staged.keep();
            store.swap(intent, intent.swaps().get(0));
        }
    }
}
