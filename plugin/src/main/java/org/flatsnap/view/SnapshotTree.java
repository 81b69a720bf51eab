package org.flatsnap.view;

import com.google.common.collect.Interner;
import com.google.common.collect.Interners;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.catalog.VmEntry;
import org.flatsnap.engine.Engine;
import org.flatsnap.fuseview.Attributes;
import org.flatsnap.fuseview.Capacity;
import org.flatsnap.fuseview.Directory;
import org.flatsnap.fuseview.DirectoryEntry;
import org.flatsnap.fuseview.MountOptions;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.fuseview.Node;
import org.flatsnap.fuseview.Tree;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;
import org.flatsnap.query.Moments;
import org.flatsnap.store.Content;
import org.flatsnap.store.StoreStatus;

/**
 * The tree of all snapshots:
 *
 * <pre>
 * /&lt;vm&gt;/&lt;yyyy-mm-dd&gt;/&lt;name&gt;/snapshot.json
 *                          domain.xml
 *                          nvram.fd            if the VM has one
 *                          disks/&lt;disk&gt;.raw
 * /&lt;vm&gt;/latest -> &lt;yyyy-mm-dd&gt;/&lt;name&gt;
 * /&lt;vm&gt;/today, yesterday -> &lt;yyyy-mm-dd&gt;   not listed
 * /&lt;id of a VM&gt; -> &lt;vm&gt;                  not listed
 * /.retired/&lt;vm&gt;/&lt;yyyy-mm-dd&gt;/&lt;name&gt;/...       snapshots all of whose disks are gone; .retired is not listed
 * /.images/&lt;id of a snapshot&gt;/&lt;disk&gt;.raw  not listed
 * </pre>
 *
 * and what {@link QueryDirectories} finds.
 *
 * <p>What lies below {@code .images} stays where it is whatever becomes of names, and is there from the moment an image is
 * complete: a manager that takes the disks of a snapshot one by one may read what it has.
 *
 * <p>{@link ViewAccess} says who may read what. Safe for use by several threads.
 */
public final class SnapshotTree implements Tree {
    static final String LATEST = "latest";
    static final String DISKS = "disks";
    private static final String IMAGES = ".images";
    private static final String SUFFIX = ".raw";
    private static final Duration KEPT = Duration.ofDays(1);

    private final Catalog catalog;
    private final Engine engine;
    private final ViewAccess access;
    private final TreePaths paths;
    private final QueryDirectories queries;
    private final ViewChanges changes;
    private final Interner<StoreId> stores = Interners.newStrongInterner();
    private volatile Duration validity = Duration.ZERO;

    /** @param moments which day it is, in the zone in which a snapshot's date is told */
    public SnapshotTree(Catalog catalog, Engine engine, Moments moments) {
        this(catalog, engine, moments, ViewAccess.ROOTS);
    }

    /** The same for others than root. */
    public SnapshotTree(Catalog catalog, Engine engine, Moments moments, ViewAccess access) {
        this.catalog = catalog;
        this.engine = engine;
        this.access = access;
        this.paths = new TreePaths(catalog, moments);
        this.queries = new QueryDirectories(catalog, paths, access, moments);
        this.changes = new ViewChanges(catalog, paths);
    }

    /** Mounts it so that the kernel keeps what it has seen, and is told what changes. */
    public MountedTree mount(Path mountPoint, MountOptions options) throws IOException {
        // First, so that no change is missed.
        catalog.listen(changes);
        validity = KEPT;
        MountedTree mounted = MountedTree.mount(mountPoint, this, options);
        changes.shownBy(mounted);
        return mounted;
    }

    /** Where an image is as seen from the root, for as long as its snapshot stands. */
    public static Path image(SnapshotId snapshot, DiskName disk) {
        return Path.of(IMAGES, snapshot.value(), disk + SUFFIX);
    }

    @Override
    public Duration validity() {
        return validity;
    }

    @Override
    public Capacity capacity() {
        List<StoreStatus> storage = engine.storage();
        return new Capacity(
                storage.stream().mapToLong(StoreStatus::totalBytes).sum(),
                storage.stream().mapToLong(StoreStatus::availableBytes).sum());
    }

    @Override
    public Directory root() {
        return new Root();
    }

    private final class Root implements Directory {
        @Override
        public Attributes attributes() {
            return Inodes.directory(
                    access,
                    "root",
                    catalog.vms().stream()
                            .map(VmEntry::newestTakenAt)
                            .max(Instant::compareTo)
                            .orElse(Instant.EPOCH));
        }

        @Override
        public Optional<Node> child(String name) {
            Optional<Node> vm = paths.labels().find(name).map(VmDirectory::new);
            return vm.isPresent()
                    ? vm
                    : switch (name) {
                        case TreePaths.RETIRED -> Optional.of(new RetiredVms());
                        case IMAGES -> Optional.of(new ImagesDirectory());
                        default -> queries.find(name).or(() -> byId(name));
                    };
        }

        private Optional<Node> byId(String name) {
            if (!VmId.looksLikeOne(name)) {
                return Optional.empty();
            }
            VmId vm = new VmId(name);
            return paths.label(vm).flatMap(label -> catalog.vm(vm)
                    .map(entry -> new Link(access, "id", label, entry.newestTakenAt(), List.of(vm))));
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            paths.labels()
                    .forEach((label, vm) ->
                            consumer.accept(new DirectoryEntry(label, Node.Kind.DIRECTORY, Inodes.number("vm", vm))));
        }
    }

    private final class ImagesDirectory implements Directory {
        @Override
        public boolean isKept() {
            return false;
        }

        @Override
        public Attributes attributes() {
            return Inodes.directory(access, "entrance", Instant.EPOCH, IMAGES);
        }

        @Override
        public Optional<Node> child(String name) {
            return Optional.of(name)
                    .filter(SnapshotId::looksLikeOne)
                    .flatMap(id -> catalog.find(new SnapshotId(id)))
                    .map(snapshot -> new DisksDirectory(IMAGES, shown(snapshot)));
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            // They would be every snapshot there is once more.
        }
    }

    private final class VmDirectory implements Directory {
        private final VmId vm;

        VmDirectory(VmId vm) {
            this.vm = vm;
        }

        @Override
        public Attributes attributes() throws IOException {
            return Inodes.directory(access, "vm", newest().takenAt(), vm);
        }

        private Snapshot newest() throws IOException {
            return inUse().orElseThrow(() -> new NoSuchFileException(vm.value()));
        }

        private Optional<Snapshot> inUse() {
            return catalog.newest(vm).filter(snapshot -> !TreePaths.isRetired(snapshot));
        }

        @Override
        public Optional<Node> child(String name) {
            if (name.equals(LATEST)) {
                return inUse().map(this::latest);
            }
            Optional<LocalDate> day = TreePaths.parse(name).filter(date -> paths.has(date, own()));
            return day.isPresent()
                    ? day.map(date -> new DayDirectory(vm, date))
                    : paths.alias(name)
                            .filter(date -> paths.has(date, own()))
                            .map(date ->
                                    new Link(access, "alias", date.toString(), paths.start(date), List.of(vm, name)));
        }

        private Node latest(Snapshot snapshot) {
            String target = paths.day(snapshot.takenAt()) + "/" + snapshot.name();
            return new Link(access, LATEST, target, snapshot.takenAt(), List.of(vm));
        }

        private SnapshotQuery own() {
            return TreePaths.inUse(vm);
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) throws IOException {
            newest();
            consumer.accept(new DirectoryEntry(LATEST, Node.Kind.SYMBOLIC_LINK, Inodes.number(LATEST, vm)));
            paths.forEachDay(
                    own(),
                    day -> consumer.accept(
                            new DirectoryEntry(day.toString(), Node.Kind.DIRECTORY, Inodes.number("day", vm, day))));
        }
    }

    private final class DayDirectory implements Directory {
        private final VmId vm;
        private final LocalDate day;

        DayDirectory(VmId vm, LocalDate day) {
            this.vm = vm;
            this.day = day;
        }

        private SnapshotQuery snapshots() {
            return paths.on(day, TreePaths.inUse(vm));
        }

        @Override
        public Attributes attributes() {
            Instant newest = catalog.query(snapshots().limitedTo(1)).snapshots().stream()
                    .map(Snapshot::takenAt)
                    .findFirst()
                    .orElse(paths.start(day));
            return Inodes.directory(access, "day", newest, vm, day);
        }

        @Override
        public Optional<Node> child(String name) {
            return paths.find(vm, name)
                    .filter(snapshot -> paths.day(snapshot.takenAt()).equals(day))
                    .map(SnapshotDirectory::new);
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            paths.forEachSnapshot(
                    snapshots(),
                    snapshot -> consumer.accept(new DirectoryEntry(
                            snapshot.name().value(), Node.Kind.DIRECTORY, Inodes.number("snapshot", snapshot.id()))));
        }
    }

    /**
     * Nothing is kept of the names below it: few look here, and what is retired or freed then needs no telling. The files of
     * a snapshot are the same as before.
     */
    private abstract static class Retired implements Directory {
        @Override
        public boolean isKept() {
            return false;
        }
    }

    private final class RetiredVms extends Retired {
        @Override
        public Attributes attributes() {
            return Inodes.directory(access, "retired", Instant.EPOCH);
        }

        @Override
        public Optional<Node> child(String name) {
            return paths.retired().find(name).map(RetiredVm::new);
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            paths.retired()
                    .forEach((label, vm) -> consumer.accept(
                            new DirectoryEntry(label, Node.Kind.DIRECTORY, Inodes.number("retired-vm", vm))));
        }
    }

    private final class RetiredVm extends Retired {
        private final VmId vm;

        RetiredVm(VmId vm) {
            this.vm = vm;
        }

        private SnapshotQuery own() {
            return SnapshotQuery.ALL.ofVms(Set.of(vm)).retired(true);
        }

        @Override
        public Attributes attributes() throws IOException {
            Instant newest = catalog.retiredVm(vm)
                    .orElseThrow(() -> new NoSuchFileException(vm.value()))
                    .newestTakenAt();
            return Inodes.directory(access, "retired-vm", newest, vm);
        }

        @Override
        public Optional<Node> child(String name) {
            return TreePaths.parse(name)
                    .filter(day -> paths.has(day, own()))
                    .map(day -> new RetiredDay(vm, day, paths.on(day, own())));
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            paths.forEachDay(
                    own(),
                    day -> consumer.accept(new DirectoryEntry(
                            day.toString(), Node.Kind.DIRECTORY, Inodes.number("retired-day", vm, day))));
        }
    }

    private final class RetiredDay extends Retired {
        private final VmId vm;
        private final LocalDate day;
        private final SnapshotQuery snapshots;

        RetiredDay(VmId vm, LocalDate day, SnapshotQuery snapshots) {
            this.vm = vm;
            this.day = day;
            this.snapshots = snapshots;
        }

        @Override
        public Attributes attributes() {
            return Inodes.directory(access, "retired-day", paths.start(day), vm, day);
        }

        @Override
        public Optional<Node> child(String name) {
            return paths.findRetired(vm, day, name).map(SnapshotDirectory::new);
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            paths.forEachSnapshot(
                    snapshots,
                    snapshot -> consumer.accept(new DirectoryEntry(
                            paths.retiredName(snapshot),
                            Node.Kind.DIRECTORY,
                            Inodes.number("snapshot", snapshot.id()))));
        }
    }

    /** What the nodes of one snapshot have in common: the kernel may refer to those of all there are, so no more than they need. */
    private record Shown(
            SnapshotId id, Instant takenAt, StoreId home, boolean retired, boolean defined, boolean withFirmware) {}

    private Shown shown(Snapshot snapshot) {
        return new Shown(
                snapshot.id(),
                snapshot.takenAt(),
                stores.intern(snapshot.home()),
                TreePaths.isRetired(snapshot),
                snapshot.foreign().isEmpty(),
                snapshot.firmware().isPresent());
    }

    private Snapshot present(Shown shown) throws IOException {
        return catalog.find(shown.id())
                .orElseThrow(() -> new NoSuchFileException(shown.id().value()));
    }

    private final class SnapshotDirectory implements Directory {
        private final Shown snapshot;

        SnapshotDirectory(Snapshot snapshot) {
            this.snapshot = shown(snapshot);
        }

        @Override
        public Attributes attributes() {
            return Inodes.directory(access, "snapshot", snapshot.takenAt(), snapshot.id());
        }

        @Override
        public boolean isKept() {
            return !snapshot.retired();
        }

        @Override
        public Optional<Node> child(String name) {
            return switch (name) {
                case DISKS -> Optional.of(new DisksDirectory(DISKS, snapshot));
                case StoredFile.METADATA ->
                    Optional.of(StoredFile.replaced(
                            Inodes.number(name, snapshot.id()),
                            access,
                            access.metadata(),
                            snapshot.home(),
                            () -> engine.metadata(present(snapshot))));
                case Snapshot.DEFINITION_FILE ->
                    saved(snapshot.defined(), Snapshot.DEFINITION_FILE, access.definition());
                case Snapshot.FIRMWARE_FILE -> saved(snapshot.withFirmware(), Snapshot.FIRMWARE_FILE, access.image());
                default -> Optional.empty();
            };
        }

        private Optional<Node> saved(boolean exists, String name, int permissions) {
            return exists
                    ? Optional.of(StoredFile.lasting(
                            Inodes.number(name, snapshot.id()),
                            access,
                            permissions,
                            snapshot.home(),
                            () -> Content.of(engine.savedFile(present(snapshot), name))))
                    : Optional.empty();
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            consumer.accept(new DirectoryEntry(DISKS, Node.Kind.DIRECTORY, Inodes.number(DISKS, snapshot.id())));
            accept(consumer, StoredFile.METADATA);
            if (snapshot.defined()) {
                accept(consumer, Snapshot.DEFINITION_FILE);
            }
            if (snapshot.withFirmware()) {
                accept(consumer, Snapshot.FIRMWARE_FILE);
            }
        }

        private void accept(Consumer<DirectoryEntry> consumer, String name) {
            consumer.accept(new DirectoryEntry(name, Node.Kind.REGULAR_FILE, Inodes.number(name, snapshot.id())));
        }
    }

    private final class DisksDirectory implements Directory {
        private final String place;
        private final Shown snapshot;

        DisksDirectory(String place, Shown snapshot) {
            this.place = place;
            this.snapshot = snapshot;
        }

        /** What becomes of a snapshot that is not shown is told to nobody. */
        @Override
        public boolean isKept() {
            return place.equals(DISKS);
        }

        @Override
        public Attributes attributes() {
            return Inodes.directory(access, place, snapshot.takenAt(), snapshot.id());
        }

        @Override
        public Optional<Node> child(String name) throws IOException {
            return present(snapshot).disks().stream()
                    .filter(image -> fileName(image).equals(name))
                    .findFirst()
                    .map(this::image);
        }

        private Node image(DiskImage image) {
            DiskName disk = image.disk();
            return StoredFile.lasting(
                    Inodes.number(fileName(image), snapshot.id()),
                    access,
                    access.image(),
                    stores.intern(image.store()),
                    () -> engine.image(present(snapshot), disk));
        }

        /** Asked each time: Proxmox VE's disks come one by one. */
        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) throws IOException {
            for (DiskImage image : present(snapshot).disks()) {
                consumer.accept(new DirectoryEntry(
                        fileName(image), Node.Kind.REGULAR_FILE, Inodes.number(fileName(image), snapshot.id())));
            }
        }

        private static String fileName(DiskImage image) {
            return image.disk() + SUFFIX;
        }
    }
}
