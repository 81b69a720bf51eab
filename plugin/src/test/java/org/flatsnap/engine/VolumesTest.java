package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.testing.Bench.read;
import static org.flatsnap.testing.Bench.write;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.engine.VolumeSnapshots.Entry;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Place;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VolumeName;
import org.flatsnap.store.Intent;
import org.flatsnap.store.ReflinkStore;
import org.flatsnap.store.Staged;
import org.flatsnap.store.Store;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.LoopFileSystem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Volumes as Proxmox VE's storage plugin uses them, on a real XFS. No manager knows their guests. */
class VolumesTest {
    private static final long MIB = 1 << 20;
    private static final VmId WEB = new VmId("100-1690000000");

    private Bench bench;

    @BeforeEach
    void open() throws IOException {
        bench = Bench.onXfs();
    }

    @AfterEach
    void close() throws IOException {
        bench.assertNothingStaged();
        bench.close();
    }

    private VolumeRef volume(String name) {
        return new VolumeRef(new Place(bench.store().toString()), new VolumeName(name));
    }

    private Path path(String name) {
        return bench.store().resolve("images/" + new VolumeName(name).vmid() + "/" + name + ".raw");
    }

    private static OperationId op() {
        return OperationId.random();
    }

    private static SnapshotName named(String name) {
        return new SnapshotName(name);
    }

    private ManagedVolumes volumes() {
        return bench.engine().volumes();
    }

    private VolumeSnapshots snapshots() {
        return bench.engine().volumeSnapshots();
    }

    private void create(String name, String content) throws IOException {
        volumes().create(op(), volume(name), MIB);
        write(path(name), content);
    }

    /** What Proxmox VE says of guest 100 while it is at the snapshot. */
    private static Optional<Guest> taking() {
        return guest("prepare");
    }

    private static Optional<Guest> guest(String snapstate) {
        return Optional.of(new Guest(
                100,
                Optional.of(new VmName("web01")),
                Optional.of(1690000000L),
                Optional.of(true),
                Optional.ofNullable(snapstate)));
    }

    private Entry take(String volume, String name) {
        return snapshots().take(op(), volume(volume), named(name), guest(null));
    }

    private List<String> names(String volume) {
        return snapshots().list(volume(volume)).stream()
                .map(entry -> entry.name().value())
                .filter(name -> !name.startsWith("guard-"))
                .toList();
    }

    private String image(String volume, String name) throws IOException {
        return read(Path.of(snapshots().show(volume(volume), named(name)).path().orElseThrow()));
    }

    private List<Snapshot> listed() {
        return bench.catalog().query(SnapshotQuery.ALL).snapshots();
    }

    private static void assertRefused(ThrowingCallable change, Code code, String... texts) {
        assertThatThrownBy(change)
                .isInstanceOfSatisfying(
                        Problem.class, problem -> assertThat(problem.code()).isEqualTo(code))
                .hasMessageContainingAll(texts);
    }

    @Test
    void disksTakenOneByOneAreOneSnapshotThatIsShownWhenItIsFinished() throws IOException {
        create("vm-100-disk-0", "a0");
        create("vm-100-disk-1", "b0");

        Entry first = snapshots().take(op(), volume("vm-100-disk-0"), named("s1"), taking());
        Entry second = snapshots().take(op(), volume("vm-100-disk-1"), named("s1"), taking());

        assertThat(second.id()).isEqualTo(first.id());
        assertThat(listed()).isEmpty();
        assertThat(names("vm-100-disk-0")).containsExactly("s1");
        assertThat(names("vm-100-disk-1")).containsExactly("s1");
        write(path("vm-100-disk-0"), "a1");
        write(path("vm-100-disk-1"), "b1");
        assertThat(image("vm-100-disk-0", "s1")).isEqualTo("a0");
        assertThat(image("vm-100-disk-1", "s1")).isEqualTo("b0");

        // Proxmox VE is at another one, so it has done with that.
        take("vm-100-disk-0", "s2");

        assertThat(listed()).extracting(snapshot -> snapshot.name().value()).containsExactly("s2", "s1");
        Snapshot finished = bench.engine().show(WEB.value(), "s1");
        assertThat(finished.vm()).isEqualTo(WEB);
        assertThat(finished.vmName()).isEqualTo(new VmName("web01"));
        assertThat(finished.disks()).hasSize(2);
        assertThat(finished.quiescence().torn()).isFalse();
    }

    @Test
    void aGuestThatNobodyHoldsIsTornBetweenItsDisks() throws IOException {
        create("vm-100-disk-0", "a0");
        create("vm-100-disk-1", "b0");
        take("vm-100-disk-0", "s1");
        take("vm-100-disk-1", "s1");

        assertThat(listed()).hasSize(1);
        assertThat(listed().get(0).quiescence().torn()).isTrue();
        assertThat(listed().get(0).labels()).isEqualTo(Labels.NONE);
    }

    @Test
    void aVolumeGoesBackToAnySnapshotAndTheNewerOnesStay() throws IOException {
        create("vm-100-disk-0", "a0");
        create("vm-100-disk-1", "b0");
        for (String name : List.of("s0", "s1", "s2")) {
            write(path("vm-100-disk-0"), name);
            take("vm-100-disk-0", name);
        }
        write(path("vm-100-disk-0"), "now");

        Optional<SnapshotName> guard = snapshots().rollBack(op(), volume("vm-100-disk-0"), named("s0"));
        assertThat(read(path("vm-100-disk-0"))).isEqualTo("s0");
        snapshots().rollBack(op(), volume("vm-100-disk-0"), named("s2"));
        assertThat(read(path("vm-100-disk-0"))).isEqualTo("s2");
        assertThat(names("vm-100-disk-0")).containsExactly("s0", "s1", "s2");
        snapshots().rollBack(op(), volume("vm-100-disk-0"), guard.orElseThrow());
        assertThat(read(path("vm-100-disk-0"))).isEqualTo("now");
        assertThat(read(path("vm-100-disk-1"))).isEqualTo("b0");

        snapshots().delete(op(), volume("vm-100-disk-0"), named("s1"));
        snapshots().delete(op(), volume("vm-100-disk-0"), named("s1"));
        assertThat(names("vm-100-disk-0")).containsExactly("s0", "s2");
        assertThat(image("vm-100-disk-0", "s0")).isEqualTo("s0");
        assertThat(image("vm-100-disk-0", "s2")).isEqualTo("s2");
    }

    @Test
    void aSnapshotGoesWithTheLastOfItsDisks() throws IOException {
        create("vm-100-disk-0", "a0");
        create("vm-100-disk-1", "b0");
        Entry entry = take("vm-100-disk-0", "s1");
        take("vm-100-disk-1", "s1");

        snapshots().delete(op(), volume("vm-100-disk-0"), named("s1"));
        assertThat(names("vm-100-disk-0")).isEmpty();
        assertThat(names("vm-100-disk-1")).containsExactly("s1");
        assertThat(bench.catalog().find(entry.id())).isPresent();
        snapshots().delete(op(), volume("vm-100-disk-1"), named("s1"));
        assertThat(bench.catalog().find(entry.id())).isEmpty();
        assertThat(bench.store().resolve(".flatsnap/vms/" + WEB + "/" + entry.id()))
                .doesNotExist();
    }

    @Test
    void clonesOfNowAndOfThenNeedNobody() throws IOException {
        create("vm-100-disk-0", "then");
        take("vm-100-disk-0", "s1");
        write(path("vm-100-disk-0"), "now");

        volumes().copy(op(), volume("vm-100-disk-0"), new VolumeName("vm-200-disk-0"));
        volumes().copy(op(), volume("vm-100-disk-0"), named("s1"), new VolumeName("vm-200-disk-1"));
        volumes().remove(op(), volume("vm-100-disk-0"));
        bench.restartWithGrace(Duration.ofMillis(1));
        bench.engine().expire();

        assertThat(listed()).isEmpty();
        assertThat(read(path("vm-200-disk-0"))).isEqualTo("now");
        assertThat(read(path("vm-200-disk-1"))).isEqualTo("then");
        assertThat(names("vm-200-disk-0")).isEmpty();
        assertRefused(
                () -> volumes().copy(op(), volume("vm-200-disk-0"), new VolumeName("vm-200-disk-1")),
                Code.EXISTS,
                "there is a volume vm-200-disk-1");
    }

    @Test
    void whatTakesTheNameOfARemovedVolumeIsNeverShownItsImages() throws IOException {
        Optional<Guest> nameless =
                Optional.of(new Guest(100, Optional.empty(), Optional.empty(), Optional.of(false), Optional.empty()));
        create("vm-100-disk-0", "old");
        Entry old = snapshots().take(op(), volume("vm-100-disk-0"), named("s1"), nameless);
        volumes().remove(op(), volume("vm-100-disk-0"));
        assertThat(path("vm-100-disk-0")).doesNotExist();
        volumes().remove(op(), volume("vm-100-disk-0"));

        create("vm-100-disk-0", "new");
        assertThat(names("vm-100-disk-0")).isEmpty();
        assertRefused(
                () -> snapshots().rollBack(op(), volume("vm-100-disk-0"), named("s1")),
                Code.NOT_FOUND,
                "unknown snapshot 's1' of volume vm-100-disk-0",
                "Snapshots tab");
        Entry fresh = snapshots().take(op(), volume("vm-100-disk-0"), named("s1"), nameless);

        assertThat(fresh.id()).isNotEqualTo(old.id());
        assertThat(image("vm-100-disk-0", "s1")).isEqualTo("new");
        assertThat(bench.catalog().find(old.id()).orElseThrow().labels().retired())
                .isPresent();
        assertThat(bench.content(bench.catalog().find(old.id()).orElseThrow(), "vm-100-disk-0"))
                .isEqualTo("old");
        snapshots().delete(op(), volume("vm-100-disk-0"), named("s1"));
        assertThat(bench.catalog().find(fresh.id())).isEmpty();
        assertThat(bench.catalog().find(old.id())).isPresent();
    }

    @Test
    void aRetiredSnapshotIsFreedAfterItsGraceUnlessItIsHeld() throws IOException {
        create("vm-100-disk-0", "x");
        Entry held = take("vm-100-disk-0", "held");
        Entry free = take("vm-100-disk-0", "free");
        bench.engine()
                .relabel(op(), WEB.value(), "held", labels -> labels.saying(labels.description(), labels.tags(), true));
        assertRefused(
                () -> snapshots().delete(op(), volume("vm-100-disk-0"), named("held")),
                Code.REFUSED,
                "it is held",
                "flatsnap release web01 held");
        volumes().remove(op(), volume("vm-100-disk-0"));
        bench.engine().expire();
        assertThat(listed()).hasSize(2);

        bench.restartWithGrace(Duration.ofMillis(1));
        bench.engine().expire();

        assertThat(listed()).extracting(Snapshot::id).containsExactly(held.id());
        assertThat(bench.catalog().find(free.id())).isEmpty();
        bench.restartWithGrace(Duration.ZERO);
        create("vm-100-disk-0", "y");
        Entry gone = take("vm-100-disk-0", "gone");
        volumes().remove(op(), volume("vm-100-disk-0"));
        assertThat(bench.catalog().find(gone.id())).isEmpty();
    }

    @Test
    void aRenamedVolumeLeavesItsSnapshotsBehind() throws IOException {
        create("vm-100-disk-0", "a");
        Entry taken = take("vm-100-disk-0", "s1");

        VolumeReport renamed = volumes()
                .change(
                        op(),
                        volume("vm-100-disk-0"),
                        Optional.of(2 * MIB),
                        Optional.of(new VolumeName("base-100-disk-0")));

        assertThat(renamed.name()).isEqualTo(new VolumeName("base-100-disk-0"));
        assertThat(renamed.bytes()).isEqualTo(2 * MIB);
        assertThat(read(path("base-100-disk-0"))).isEqualTo("a");
        assertThat(names("base-100-disk-0")).isEmpty();
        create("vm-100-disk-0", "b");
        assertThat(names("vm-100-disk-0")).isEmpty();
        assertThat(bench.catalog().find(taken.id()).orElseThrow().labels().retired())
                .isPresent();
        assertRefused(
                () -> volumes().change(op(), volume("base-100-disk-0"), Optional.of(MIB), Optional.empty()),
                Code.INVALID,
                "would be lost");
    }

    @Test
    void aRollbackThatAKillLeftIsFinishedAlthoughNoManagerKnowsTheGuest() throws IOException {
        create("vm-100-disk-0", "then");
        Entry entry = take("vm-100-disk-0", "s1");
        write(path("vm-100-disk-0"), "now");
        Snapshot target = bench.catalog().find(entry.id()).orElseThrow();
        OperationId operation = op();
        Store store = ReflinkStore.open(bench.store(), Optional.empty());
        DiskName disk = new DiskName("vm-100-disk-0");
        bench.shut();
        try (Staged staged = store.stage(
                operation,
                target,
                target.disks(),
                Map.of(disk, store.stamp(path("vm-100-disk-0")).orElseThrow()))) {
            store.write(new Intent(
                    operation,
                    "another-host",
                    WEB,
                    target.id(),
                    Optional.empty(),
                    staged.swaps(),
                    Optional.empty(),
                    Optional.empty(),
                    false));
            staged.keep();
        }

        bench.open();

        assertThat(read(path("vm-100-disk-0"))).isEqualTo("then");
        bench.assertNothingStaged();
        assertThat(snapshots().rollBack(operation, volume("vm-100-disk-0"), named("s1")))
                .isEmpty();
        take("vm-100-disk-0", "s2");
    }

    @Test
    void aVolumeThatAContainerHasAsALoopDeviceIsNotReplaced() throws IOException {
        create("vm-100-disk-0", "then");
        take("vm-100-disk-0", "s1");
        String device = Commands.run(
                        "losetup", "--find", "--show", path("vm-100-disk-0").toString())
                .strip();
        try {
            assertRefused(
                    () -> snapshots().rollBack(op(), volume("vm-100-disk-0"), named("s1")),
                    Code.REFUSED,
                    "this host itself uses " + path("vm-100-disk-0"),
                    "losetup -j");
        } finally {
            Commands.run("losetup", "--detach", device);
        }
    }

    @Test
    void refusalsNameCauseAndRemedy() throws IOException {
        create("vm-100-disk-0", "a");
        take("vm-100-disk-0", "s1");
        assertRefused(
                () -> take("vm-100-disk-0", "s1"),
                Code.EXISTS,
                "it has a snapshot of that name, taken ",
                "delete that one first");
        assertRefused(() -> take("vm-100-disk-7", "s1"), Code.NOT_FOUND, "unknown volume vm-100-disk-7", "pvesm list");
        assertRefused(() -> volumes().create(op(), volume("vm-100-disk-0"), MIB), Code.EXISTS, "there is a volume");
        assertRefused(
                () -> volumes().list(new Place("/nowhere"), Optional.empty()),
                Code.NOT_FOUND,
                "has not been told of it",
                "pvesm status");
        assertRefused(
                () -> snapshots().take(op(), volume("vm-100-disk-0"), named("s2"), Optional.of(Guest.numbered(101))),
                Code.INVALID,
                "it belongs to guest 100");
        try (var writer = Files.newByteChannel(path("vm-100-disk-0"), java.nio.file.StandardOpenOption.WRITE)) {
            assertThat(writer.isOpen()).isTrue();
            assertRefused(
                    () -> snapshots().rollBack(op(), volume("vm-100-disk-0"), named("s1")),
                    Code.REFUSED,
                    "has " + path("vm-100-disk-0") + " open for writing",
                    "End it first");
        }
        assertThat(names("vm-100-disk-0")).containsExactly("s1");
        assertThat(snapshots().list(volume("vm-100-disk-0"))).hasSize(1);
    }

    @Test
    void aRepeatedOperationGetsTheFirstResult() throws IOException {
        OperationId creating = op();
        VolumeReport created = volumes().create(creating, volume("vm-100-disk-0"), MIB);
        assertThat(volumes().create(creating, volume("vm-100-disk-0"), MIB)).isEqualTo(created);
        create("vm-100-disk-1", "b");
        OperationId first = op();
        OperationId second = op();
        Entry one = snapshots().take(first, volume("vm-100-disk-0"), named("s1"), taking());
        Entry two = snapshots().take(second, volume("vm-100-disk-1"), named("s1"), taking());
        OperationId back = op();
        write(path("vm-100-disk-0"), "later");
        Optional<SnapshotName> guard = snapshots().rollBack(back, volume("vm-100-disk-0"), named("s1"));
        write(path("vm-100-disk-0"), "latest");

        bench.restartWithoutCatalog();

        assertThat(volumes().create(creating, volume("vm-100-disk-0"), MIB).name())
                .isEqualTo(created.name());
        assertThat(snapshots().take(first, volume("vm-100-disk-0"), named("s1"), taking()))
                .isEqualTo(one);
        assertThat(snapshots().take(second, volume("vm-100-disk-1"), named("s1"), taking()))
                .isEqualTo(two);
        assertThat(snapshots().rollBack(back, volume("vm-100-disk-0"), named("s1")))
                .isEqualTo(guard);
        assertThat(read(path("vm-100-disk-0"))).isEqualTo("latest");
    }

    @Test
    void aCatalogMadeAnewGivesTheSameAnswers() throws IOException {
        create("vm-100-disk-0", "a");
        create("vm-100-disk-1", "b");
        create("vm-100-disk-2", "c");
        take("vm-100-disk-0", "s1");
        take("vm-100-disk-1", "s1");
        take("vm-100-disk-2", "only");
        snapshots().take(op(), volume("vm-100-disk-0"), named("s2"), taking());
        volumes().remove(op(), volume("vm-100-disk-1"));
        volumes().remove(op(), volume("vm-100-disk-2"));
        create("vm-100-disk-1", "d");
        List<Snapshot> before = listed();
        List<Snapshot> underWay = bench.catalog().underWay();
        List<Entry> of0 = snapshots().list(volume("vm-100-disk-0"));
        assertThat(underWay).hasSize(1);
        assertThat(of0).hasSize(2);

        bench.restartWithoutCatalog();

        assertThat(listed()).isEqualTo(before);
        assertThat(bench.catalog().underWay()).isEqualTo(underWay);
        assertThat(snapshots().list(volume("vm-100-disk-0"))).isEqualTo(of0);
        assertThat(names("vm-100-disk-1")).isEmpty();
    }

    @Test
    void aStoreMadeKnownStaysKnownUntilItIsForgotten() throws IOException {
        try (LoopFileSystem other = LoopFileSystem.xfs()) {
            Place place = new Place(other.root().toString());
            VolumeRef disk = new VolumeRef(place, new VolumeName("vm-100-disk-0"));
            StoreReport report = bench.engine().useStore(place);
            assertThat(report.engine()).isEqualTo("xfs");
            assertThat(bench.engine().useStore(place).store()).isEqualTo(report.store());
            volumes().create(op(), disk, MIB);
            Entry taken = snapshots().take(op(), disk, named("s1"), guest(null));

            bench.restart();
            assertThat(bench.engine().store(place).store()).isEqualTo(report.store());
            assertThat(snapshots().list(disk)).containsExactly(taken);

            bench.engine().forgetStore(place);
            bench.engine().forgetStore(place);
            bench.restart();
            assertRefused(() -> bench.engine().store(place), Code.NOT_FOUND, "has not been told of it");
            assertThat(listed()).isEmpty();

            bench.engine().useStore(place);
            assertThat(snapshots().list(disk)).containsExactly(taken);
            bench.engine().forgetStore(place);
        }
    }

    @Test
    void anUnreachableStoreKeepsNobodyFromStarting() throws IOException {
        Place place;
        try (LoopFileSystem other = LoopFileSystem.xfs()) {
            place = new Place(other.root().toString());
            bench.engine().useStore(place);
            bench.shut();
        }
        bench.open();

        assertRefused(() -> bench.engine().store(place), Code.UNAVAILABLE, place.value());
        assertThat(volumes().list(volume("vm-100-disk-0").place(), Optional.empty()))
                .isEmpty();
        assertRefused(
                () -> bench.engine().useStore(new Place("/nowhere/" + UUID.randomUUID())),
                Code.UNAVAILABLE,
                "there is no such directory");
    }

    @Test
    void guestsOfOneNumberAndDifferentTimesShareNothing() throws IOException {
        create("vm-100-disk-0", "old");
        take("vm-100-disk-0", "s1");
        volumes().remove(op(), volume("vm-100-disk-0"));
        create("vm-100-disk-0", "new");
        Guest successor = new Guest(
                100, Optional.of(new VmName("web02")), Optional.of(1700000000L), Optional.of(false), Optional.empty());
        snapshots().take(op(), volume("vm-100-disk-0"), named("s1"), Optional.of(successor));

        List<VmId> vms = new ArrayList<>();
        listed().forEach(snapshot -> vms.add(snapshot.vm()));
        assertThat(vms).containsExactlyInAnyOrder(WEB, successor.id());
        assertThat(image("vm-100-disk-0", "s1")).isEqualTo("new");
    }
}
