package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.server.FakeManager;
import org.flatsnap.store.ForeignImage;
import org.flatsnap.store.Intent;
import org.flatsnap.store.KnownStores;
import org.flatsnap.store.Store;
import org.flatsnap.store.StorePlace;
import org.flatsnap.store.VmLock;
import org.flatsnap.testing.LoopFileSystem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is shown of other tools' snapshots while a rollback moves the disks they are of. ZFS itself is in the guest's tests. */
class ForeignSnapshotsTest {
    private static final VmId VM = new VmId("7f3e4b52-6a01-4c3d-9d3b-0c6f3c1d2e4f");
    private static final Path VDA = Path.of("/vault/web01-vda/disk.raw");
    private static final Path VDB = Path.of("/vault/web01-vdb/disk.raw");
    private static final ForeignImage ON_VDA = image("sanoid", VDA, "1111", 1);
    private static final ForeignImage ON_VDB = image("sanoid", VDB, "2222", 2);

    @TempDir
    Path state;

    private final FakeManager manager = new FakeManager();
    /** What each look finds; the last one goes for all that follow. */
    private final Deque<List<ForeignImage>> looks = new ArrayDeque<>();

    private LoopFileSystem fileSystem;
    private Stores stores;
    private Catalog catalog;
    private ForeignSnapshots foreign;

    @BeforeEach
    void open() throws IOException {
        fileSystem = LoopFileSystem.xfs();
        stores = new Stores(
                List.of(new StorePlace.Directory(fileSystem.root())),
                KnownStores.read(state.resolve("stores.json")),
                Duration.ofMillis(100));
        catalog = Catalog.open(state.resolve("catalog.db"));
        manager.put(VM, "web01", VmState.RUNNING, List.of(disk("vda", VDA), disk("vdb", VDB)));
        foreign = new ForeignSnapshots(new References(manager, catalog), stores, manager, catalog, store -> find());
        looks.add(List.of(ON_VDA, ON_VDB));
        foreign.refresh();
    }

    @AfterEach
    void close() {
        catalog.close();
        stores.close();
        fileSystem.close();
    }

    private static Disk disk(String name, Path source) {
        return new Disk(new DiskName(name), Disk.Kind.FILE, source.toString(), "raw", false, false);
    }

    private static ForeignImage image(String name, Path source, String guid, long moment) {
        return new ForeignImage(name, source, guid, Instant.parse("2026-11-22T00:00:00Z"), moment, 1 << 20);
    }

    private List<ForeignImage> find() {
        return looks.size() > 1 ? looks.remove() : looks.element();
    }

    @SafeVarargs
    private void refreshLookingAt(List<ForeignImage>... found) {
        looks.clear();
        for (List<ForeignImage> look : found) {
            looks.add(look);
        }
        foreign.refresh();
    }

    private List<Snapshot> shown() {
        return catalog.query(SnapshotQuery.ALL).snapshots();
    }

    private Store store() {
        return stores.open().get(0);
    }

    private static List<String> names(List<Snapshot> snapshots) {
        return snapshots.stream().map(snapshot -> snapshot.name().value()).toList();
    }

    @Test
    void imagesOfOneNameAreOneSnapshotAndGoWithIt() {
        assertThat(names(shown())).containsExactly("sanoid");
        assertThat(shown().get(0).disks()).hasSize(2);
        refreshLookingAt(List.of());
        assertThat(shown()).isEmpty();
    }

    /** The images of the disk that leads nowhere just then seem to be gone. */
    @Test
    void whileAVmIsWorkedOnWhatIsShownOfItStays() {
        List<Snapshot> before = shown();
        try (VmLock lock = store().lock(VM, Duration.ZERO)) {
            refreshLookingAt(List.of(ON_VDB));
            assertThat(shown()).isEqualTo(before);
        }
        foreign.again();
        assertThat(shown()).singleElement().satisfies(present -> assertThat(present.disks())
                .hasSize(1));
    }

    @Test
    void whileARollbackIsDecidedWhatIsShownStays() {
        List<Snapshot> before = shown();
        Intent intent = new Intent(
                OperationId.random(),
                "node1",
                VM,
                SnapshotId.of(Instant.now(), 0),
                Optional.empty(),
                List.of(new Intent.Swap(
                        new DiskName("vda"),
                        store().id(),
                        ".flatsnap/staging/node1-boot-operation/vda.raw",
                        1,
                        fileSystem.root().resolve("web01.raw").toString(),
                        Optional.empty(),
                        Optional.empty())),
                Optional.empty(),
                Optional.empty(),
                false);
        store().write(intent);
        refreshLookingAt(List.of(ON_VDB));
        assertThat(shown()).isEqualTo(before);

        foreign.again();
        assertThat(shown()).isEqualTo(before);
        store().lift(intent);
        foreign.again();
        assertThat(shown()).singleElement().satisfies(present -> assertThat(present.disks())
                .hasSize(1));
    }

    /** A look that fell into a rollback which has ended since. */
    @Test
    void whatSeemedToBeGoneIsLookedForAgainBeforeItGoes() {
        List<Snapshot> before = shown();
        refreshLookingAt(List.of(ON_VDB), List.of(ON_VDA, ON_VDB));
        assertThat(shown()).isEqualTo(before);
    }

    @Test
    void aSnapshotThatTookTheNameOfOneThatIsGoneHasIt() {
        SnapshotId before = shown().get(0).id();
        refreshLookingAt(List.of(image("sanoid", VDA, "3333", 3)));
        assertThat(shown()).singleElement().satisfies(present -> {
            assertThat(present.name().value()).isEqualTo("sanoid");
            assertThat(present.id()).isNotEqualTo(before);
        });
        refreshLookingAt(List.of(image("sanoid", VDA, "3333", 3), image("sanoid", VDA, "4444", 4)));
        assertThat(names(shown())).containsExactlyInAnyOrder("sanoid", "foreign-4444");
    }
}
