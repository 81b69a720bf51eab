package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.LeftToManager;
import org.flatsnap.manager.ProxmoxManager;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Place;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VolumeName;
import org.flatsnap.store.KnownStores;
import org.flatsnap.store.StorePlace;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.ProxmoxNode;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the manager knows of its snapshots flows in. */
class KeptSnapshotsTest {
    private static final SnapshotName NAME = new SnapshotName("s1");
    private static final VolumeName VOLUME = new VolumeName("vm-100-disk-0");

    @TempDir
    Path directory;

    private LoopFileSystem store;
    private ProxmoxNode node;
    private Catalog catalog;
    private Engine engine;
    private volatile Duration ahead = Duration.ZERO;

    @BeforeEach
    void start() throws IOException {
        store = LoopFileSystem.xfs();
        node = new ProxmoxNode(directory.resolve("pve"), directory.resolve("none"), store.root());
        node.add(100, "web01", 1690000000, VOLUME.value());
        catalog = Catalog.open(directory.resolve("catalog.db"));
        engine = new Engine(
                new Stores(
                        List.of(new StorePlace.Directory(store.root())),
                        KnownStores.read(directory.resolve("stores.json")),
                        Duration.ofSeconds(5)),
                new ProxmoxManager(node.guests(), node.pvesh()),
                catalog,
                new LeftToManager(),
                new GuestNotes(directory.resolve("guests")),
                new Clock() {
                    @Override
                    public ZoneId getZone() {
                        return ZoneOffset.UTC;
                    }

                    @Override
                    public Clock withZone(ZoneId zone) {
                        throw new UnsupportedOperationException();
                    }

                    @Override
                    public Instant instant() {
                        return Instant.now().plus(ahead);
                    }
                },
                new Engine.Settings("pve1", Duration.ofDays(7), Duration.ofSeconds(30)));
        engine.start();
        engine.volumes().create(OperationId.random(), volume(), 1 << 20);
    }

    @AfterEach
    void close() {
        engine.close();
        catalog.close();
        store.close();
    }

    private VolumeRef volume() {
        return new VolumeRef(new Place(store.root().toString()), VOLUME);
    }

    private void takeDisk(Optional<String> snapstate) {
        Guest guest = new Guest(
                100, Optional.of(new VmName("web01")), Optional.of(1690000000L), Optional.of(false), snapstate);
        engine.volumeSnapshots().take(OperationId.random(), volume(), NAME, Optional.of(guest));
    }

    private List<Snapshot> shown() {
        return catalog.query(SnapshotQuery.ALL).snapshots();
    }

    private void proxmoxHas(String state) {
        JsonObject snapshot = new JsonObject();
        snapshot.addProperty("snaptime", Instant.now().getEpochSecond());
        snapshot.addProperty("description", "from the tab");
        snapshot.addProperty("parent", "s0");
        if (!state.isEmpty()) {
            snapshot.addProperty("snapstate", state);
        }
        node.change(100, guest -> guest.getAsJsonObject("snapshots").add(NAME.value(), snapshot));
    }

    @Test
    void whatProxmoxHasFinishedIsShownWithWhatItSays() {
        proxmoxHas("prepare");
        takeDisk(Optional.of("prepare"));
        engine.keepHouse();
        assertThat(shown()).isEmpty();

        proxmoxHas("");
        engine.keepHouse();
        assertThat(shown()).singleElement().satisfies(snapshot -> {
            assertThat(snapshot.labels().description().value()).isEqualTo("from the tab");
            assertThat(snapshot.labels().parent()).contains(new SnapshotName("s0"));
            assertThat(snapshot.labels().underWay()).isFalse();
        });
        assertThat(engine.examine()).noneMatch(finding -> finding.finding().contains("does not know"));
    }

    @Test
    void whatProxmoxBeganAndGaveUpIsRemovedWhenItIsForgottenForGood() {
        proxmoxHas("prepare");
        takeDisk(Optional.of("prepare"));
        ahead = Duration.ofMinutes(5);
        engine.keepHouse();
        assertThat(catalog.underWay()).hasSize(1);

        // The configuration's entry is gone, and yet PVE is at work on the guest.
        node.change(100, guest -> guest.getAsJsonObject("snapshots").remove(NAME.value()));
        node.change(100, guest -> guest.addProperty("lock", "snapshot"));
        engine.keepHouse();
        assertThat(catalog.underWay()).hasSize(1);

        node.change(100, guest -> guest.remove("lock"));
        engine.keepHouse();
        assertThat(catalog.underWay()).isEmpty();
        assertThat(shown()).isEmpty();
        takeDisk(Optional.empty());
        assertThat(shown()).hasSize(1);
    }

    @Test
    void whatProxmoxDoesNotKnowIsToldByTheDoctor() {
        takeDisk(Optional.empty());
        engine.keepHouse();

        assertThat(engine.examine())
                .anyMatch(finding -> finding.finding().equals("the manager does not know 1 of its snapshots: s1"));
        proxmoxHas("");
        engine.keepHouse();
        assertThat(engine.examine()).noneMatch(finding -> finding.finding().contains("does not know"));
    }

    /** Proxmox VE's rollback fails here before it comes to the disk; what it would have done is done by hand. */
    @Test
    void aRetryTakesARollbackForDoneOnlyWhenEachDiskAndTheConfigurationAre() throws IOException {
        proxmoxHas("");
        takeDisk(Optional.empty());
        RollbackRequest request = new RollbackRequest(OperationId.random(), "web01", "s1", Set.of(), false);
        assertNotRolledBack(request);

        putBackDisk();
        assertNotRolledBack(request);

        node.change(100, guest -> guest.addProperty("parent", NAME.value()));
        assertNotRolledBack(request);

        Snapshot guard = putBackDisk();
        Path undecided = store.root()
                .resolve(".flatsnap/vms/" + guard.vm() + "/" + guard.id())
                .resolve(Snapshot.UNDECIDED_FILE);
        Files.createFile(undecided);
        assertNotRolledBack(request);

        Snapshot decided = putBackDisk();
        assertThat(engine.rollBack(request).guard()).contains(decided.id());
    }

    private Snapshot putBackDisk() {
        SnapshotName guard = engine.volumeSnapshots()
                .rollBack(OperationId.random(), volume(), NAME)
                .orElseThrow();
        return shown().stream()
                .filter(snapshot -> snapshot.name().equals(guard))
                .findFirst()
                .orElseThrow();
    }

    private void assertNotRolledBack(RollbackRequest request) {
        assertThatThrownBy(() -> engine.rollBack(request)).hasMessageContaining("cannot roll back VM web01");
        node.change(100, guest -> guest.remove("lock"));
    }

    @Test
    void aManagerThatDoesNotAnswerIsAskedAgain() throws IOException {
        takeDisk(Optional.empty());
        Path away = node.guests().resolveSibling("away");
        Files.move(node.guests(), away);
        engine.keepHouse();
        assertThat(shown()).hasSize(1);

        Files.move(away, node.guests());
        engine.keepHouse();
        assertThat(engine.examine()).anyMatch(finding -> finding.finding().contains("does not know 1"));
    }
}
