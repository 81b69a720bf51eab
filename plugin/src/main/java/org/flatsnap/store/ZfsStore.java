package org.flatsnap.store;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.flatsnap.linux.Host;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.DatasetType;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZfsCore;
import org.flatsnap.linux.zfs.ZfsErrno;
import org.flatsnap.linux.zfs.ZfsException;
import org.flatsnap.linux.zfs.ZfsName;
import org.flatsnap.linux.zfs.ZfsPrograms;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * A store on OpenZFS 2: a disk is a volume, or a raw file in a file system of its own. Images are ZFS snapshots, which are known
 * by guid; what is known about them stands in their user properties.
 */
public final class ZfsStore extends FiledStore {
    /** Where flatsnap's own dataset of each store is mounted; the start interlock looks for intents there. */
    private static final Path MOUNTS = Path.of("/var/lib/flatsnap/zfs");

    private static final Duration PROGRAM_LIMIT = Duration.ofMinutes(2);
    private static final Duration BUSY_LIMIT = Duration.ofSeconds(10);
    private static final long BUSY_POLL_MILLIS = 100;

    private final ZfsCore core;
    private final ZfsPrograms programs;
    private final ZfsNames names;
    private final ZfsReaders readers = new ZfsReaders(this);
    private final ZfsSwaps swaps = new ZfsSwaps(this);
    private final ZfsVolumes volumes = new ZfsVolumes(this);

    /** Where images were last seen, by guid: a hint that is checked before it is used. */
    private final Map<String, Located> located = new ConcurrentHashMap<>();

    /** Where records were last seen, likewise. */
    private final Map<SnapshotId, SnapshotName> homes = new ConcurrentHashMap<>();

    private final AtomicBoolean waiting = new AtomicBoolean();

    private final ReadWriteLock renames = new ReentrantReadWriteLock();

    private record Located(SnapshotName name, long referenced) {}

    private ZfsStore(ZfsCore core, ZfsPrograms programs, ZfsNames names, Layout layout, StoreIdentity identity) {
        super(layout, identity);
        this.core = core;
        this.programs = programs;
        this.names = names;
    }

    /**
     * Opens the store at a dataset, making {@code .flatsnap} in it the first time.
     *
     * @param known as for {@link StorePlace#open}
     * @throws Problem if there is no ZFS, the dataset is missing or no file system, or it is another store
     */
    public static ZfsStore open(DatasetName root, Optional<StoreId> known) {
        String what = "cannot use the store " + root;
        try {
            ZfsCore core = ZfsCore.open();
            ZfsPrograms programs = new ZfsPrograms(PROGRAM_LIMIT);
            ZfsNames names = ZfsNames.below(root);
            requireFileSystem(what, core, programs, root);
            if (!core.exists(names.own()) && known.isPresent()) {
                throw StoreIdentity.notTheStore(what, known.get());
            }
            create(core, programs, names);
            Layout layout = new Layout(mounted(programs, names.own()), Host.name());
            StoreIdentity identity = StoreIdentity.readOrMake(what, layout, known);
            return new ZfsStore(core, programs, names, layout, identity);
        } catch (IOException e) {
            throw StorageProblem.of(what, root, e);
        }
    }

    private static void requireFileSystem(String what, ZfsCore core, ZfsPrograms programs, DatasetName root)
            throws IOException {
        if (!core.exists(root)) {
            throw new Problem(
                    Code.UNAVAILABLE,
                    what,
                    "there is no such dataset, or its pool is not imported",
                    "See 'zfs list' and 'zpool import', or correct [[store]] dataset in /etc/flatsnap/flatsnap.toml");
        }
        if (!programs.properties(root, "type").get("type").value().equals("filesystem")) {
            throw new Problem(
                    Code.UNSUPPORTED, what, "it is no file system", "Name the dataset above the disks, not a disk");
        }
    }

    /** Makes what is missing: the first time everything, later what an interrupted first time did not. */
    private static void create(ZfsCore core, ZfsPrograms programs, ZfsNames names) throws IOException {
        // A plus sign is in no name of ZFS, so no two stores have one place.
        Path mountPoint = MOUNTS.resolve(names.root().toString().replace('/', '+'));
        Map<DatasetName, Map<String, String>> wanted = new LinkedHashMap<>();
        wanted.put(
                names.own(),
                Map.of(
                        "mountpoint",
                        mountPoint.toString(),
                        "canmount",
                        "on",
                        "compression",
                        "on",
                        "atime",
                        "off",
                        "snapdev",
                        "hidden",
                        // Asks zfs-auto-snapshot to leave it alone.
                        "com.sun:auto-snapshot",
                        "false"));
        wanted.put(names.staged(), Map.of("canmount", "off"));
        wanted.put(names.aside(), Map.of("canmount", "off"));
        wanted.put(names.readers(), Map.of("canmount", "off", "readonly", "on", "volmode", "dev"));
        for (Map.Entry<DatasetName, Map<String, String>> dataset : wanted.entrySet()) {
            if (!core.exists(dataset.getKey())) {
                programs.createFileSystem(dataset.getKey(), dataset.getValue());
            }
        }
    }

    ZfsCore core() {
        return core;
    }

    ZfsPrograms programs() {
        return programs;
    }

    ZfsNames names() {
        return names;
    }

    @Override
    public StorePlace place() {
        return new StorePlace.Dataset(names.root());
    }

    @Override
    public StoreStatus status() {
        return produce("cannot examine the store", () -> {
            Map<String, Property> found = programs.properties(names.root(), "used", "available");
            long available = Long.parseLong(found.get("available").value());
            boolean readOnly = !Files.isWritable(layout().base());
            return new StoreStatus(
                    "zfs", readOnly, Long.parseLong(found.get("used").value()) + available, available);
        });
    }

    ZfsInventory inventory() throws IOException {
        requireMounted();
        ZfsInventory inventory = listing(() -> ZfsInventory.load(programs, names.root()));
        for (ZfsInventory.Image image : inventory.images()) {
            located(image.guid(), image.name(), image.number("referenced"));
        }
        inventory.homes().forEach((id, image) -> homes.put(id, image.name()));
        return inventory;
    }

    /** A listing is not of one moment: what is renamed meanwhile could be missing from it with all its snapshots. */
    <T> T listing(Production<T> work) throws IOException {
        renames.readLock().lock();
        try {
            return work.get();
        } finally {
            renames.readLock().unlock();
        }
    }

    /** Does what moves snapshots from one name to another, while nobody lists them. */
    void renaming(Work work) throws IOException {
        renames.writeLock().lock();
        try {
            work.run();
        } finally {
            renames.writeLock().unlock();
        }
    }

    void located(String guid, SnapshotName name, long referenced) {
        located.put(guid, new Located(name, referenced));
    }

    /** Properties of what may not exist. */
    Optional<Map<String, Property>> find(ZfsName name, String... properties) throws IOException {
        try {
            return Optional.of(programs.properties(name, properties));
        } catch (ZfsException e) {
            if (e.is(ZfsErrno.ENOENT)) {
                return Optional.empty();
            }
            throw e;
        }
    }

    ZfsDisk disk(Path live) throws IOException {
        return ZfsDisk.of(live)
                .filter(disk -> names.covers(disk.dataset()))
                .orElseThrow(() -> new NoSuchFileException(live.toString(), null, "not in " + names.root()));
    }

    /** Where an image is now; snapshots move when datasets are renamed or promoted. */
    SnapshotName locate(DiskImage image) throws IOException {
        return lookUp(image)
                .orElseThrow(() -> new NoSuchFileException(
                        "the ZFS snapshot with guid " + image.guid().orElse("-") + " of disk " + image.disk()));
    }

    private Optional<SnapshotName> lookUp(DiskImage image) throws IOException {
        String guid = image.guid().orElse("");
        Located hint = located.get(guid);
        if (hint != null
                && find(hint.name(), "guid")
                        .filter(found -> found.get("guid").value().equals(guid))
                        .isPresent()) {
            return Optional.of(hint.name());
        }
        return inventory().image(guid).map(ZfsInventory.Image::name);
    }

    /** Where a file system is mounted; mounts it if it is not. */
    Path mounted(DatasetName dataset) throws IOException {
        return mounted(programs, dataset);
    }

    private static Path mounted(ZfsPrograms programs, DatasetName dataset) throws IOException {
        Map<String, Property> found = programs.properties(dataset, "mounted", "mountpoint");
        if (!found.get("mounted").value().equals("yes")) {
            programs.mount(dataset);
        }
        return Path.of(found.get("mountpoint").value());
    }

    /** Destroys a dataset of flatsnap's own; udev may have it open for a moment. Absent is fine. */
    void destroy(DatasetName dataset) throws IOException {
        destroy(dataset, BUSY_LIMIT);
    }

    void destroy(DatasetName dataset, Duration limit) throws IOException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            try {
                if (find(dataset, "mounted")
                        .map(found -> found.get("mounted"))
                        .filter(mounted -> mounted.value().equals("yes"))
                        .isPresent()) {
                    programs.unmount(dataset);
                }
                core.destroy(dataset);
                return;
            } catch (ZfsException e) {
                if (e.is(ZfsErrno.ENOENT)) {
                    return;
                }
                if (!e.is(ZfsErrno.EBUSY) || System.nanoTime() > deadline) {
                    throw e;
                }
                destroyScrap(dataset);
            }
            pause();
        }
    }

    /** Somebody's recursive snapshot of what lives for moments only is of no use to anybody, and would keep it for ever. */
    private void destroyScrap(DatasetName dataset) throws IOException {
        if (!ZfsNames.below(dataset, names.readers()) && !ZfsNames.below(dataset, names.staged())) {
            return;
        }
        List<SnapshotName> scrap = new ArrayList<>();
        programs.list(
                dataset,
                Set.of(DatasetType.SNAPSHOT),
                false,
                List.of(),
                image -> scrap.add((SnapshotName) image.name()));
        if (!scrap.isEmpty()) {
            core.destroySnapshots(scrap, true);
        }
    }

    /** The same after a failure, which it must not hide. */
    void destroyAfter(Exception failure, DatasetName dataset) {
        try {
            destroy(dataset);
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(BUSY_POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for a dataset");
        }
    }

    @Override
    public boolean covers(Path disk) {
        return produce("cannot examine " + disk, () -> ZfsDisk.of(disk)
                .filter(found ->
                        names.covers(found.dataset()) || found.dataset().equals(names.root()))
                .isPresent());
    }

    @Override
    public Optional<Problem> obstacle(Path live) {
        return produce("cannot examine " + live, () -> {
            ZfsDisk disk = ZfsDisk.of(live).orElseThrow(() -> new NoSuchFileException(live.toString()));
            if (disk.isVolume()) {
                return Optional.empty();
            }
            return alone(disk)
                    .map(why -> new Problem(
                            Code.UNSUPPORTED,
                            "cannot use " + live,
                            why,
                            "Give it a dataset of its own with the VM off: zfs create " + names.root()
                                    + "/NAME, move the file there, and name it in the definition"));
        });
    }

    /** Why a file is not all that there is in its dataset, which rollbacks replace as a whole. */
    private Optional<String> alone(ZfsDisk disk) throws IOException {
        if (!names.covers(disk.dataset()) || Files.exists(disk.live()) && !disk.atTop()) {
            return Optional.of(
                    "is not at the top of a dataset of its own (" + disk.live() + " in " + disk.dataset() + ")");
        }
        List<String> others = new ArrayList<>(disk.companions());
        Set<String> places = new HashSet<>();
        if (core.exists(disk.dataset())) {
            programs.list(
                    disk.dataset(),
                    Set.of(DatasetType.FILESYSTEM, DatasetType.VOLUME),
                    true,
                    List.of("mountpoint"),
                    found -> {
                        if (found.name().equals(disk.dataset())) {
                            places.add(
                                    found.property("mountpoint").orElseThrow().value());
                        } else {
                            others.add("the dataset " + found.name());
                        }
                    });
        }
        if (!others.isEmpty()) {
            return Optional.of("shares its dataset " + disk.dataset() + " with " + others.get(0)
                    + ", which would be rolled back with it");
        }
        return places.stream()
                .filter(place -> !place.startsWith("/"))
                .findFirst()
                .map(place -> "lies in the dataset " + disk.dataset() + ", which ZFS does not mount (mountpoint="
                        + place + ")");
    }

    @Override
    public boolean clonesTogether() {
        return true;
    }

    @Override
    public Capture capture(OperationId operation, VmId vm, SnapshotId snapshot, List<DiskSource> disks) {
        return produce("cannot begin snapshot " + snapshot, () -> {
            Staging staging = Staging.create(layout().staging(operation));
            try {
                return new ZfsCapture(this, staging, vm, snapshot, List.copyOf(disks));
            } catch (IOException | Problem e) {
                staging.close();
                throw e;
            }
        });
    }

    @Override
    public Capture extend(OperationId operation, Snapshot snapshot, List<DiskSource> disks) {
        requireFurther(snapshot, disks);
        return produce("cannot add to snapshot " + snapshot.name(), () -> {
            Staging staging = Staging.create(layout().staging(operation));
            try {
                return new ZfsCapture(this, staging, snapshot, List.copyOf(disks));
            } catch (IOException | Problem e) {
                staging.close();
                throw e;
            }
        });
    }

    @Override
    public Stream<Snapshot> scan(Consumer<Problem> damaged) {
        ZfsInventory inventory = produce("cannot list snapshots", this::inventory);
        return inventory.homes().values().stream()
                .filter(home -> home.in(ZfsNames.PUBLISHED))
                .flatMap(home -> {
                    try {
                        return Stream.of(ZfsRecord.read(home.name(), home::recordValue));
                    } catch (Problem e) {
                        damaged.accept(e);
                        return Stream.empty();
                    }
                });
    }

    @Override
    public Map<SnapshotId, VmId> published() {
        return produce("cannot list snapshots", () -> {
            Map<SnapshotId, VmId> published = new HashMap<>();
            inventory().homes().forEach((id, home) -> {
                if (home.in(ZfsNames.PUBLISHED)) {
                    home.vm().ifPresent(vm -> published.put(id, vm));
                }
            });
            return published;
        });
    }

    @Override
    public Optional<Snapshot> read(VmId vm, SnapshotId id) {
        return produce("cannot read snapshot " + id, () -> {
            requireMounted();
            Optional<Home> home = home(id);
            return home.isPresent() && home.get().in(ZfsNames.PUBLISHED)
                    ? Optional.of(home.get().record())
                            .filter(snapshot -> snapshot.vm().equals(vm))
                    : Optional.empty();
        });
    }

    /** The image that carries a snapshot's record. */
    private record Home(SnapshotName name, Map<String, Property> properties) {
        private String own(String property) {
            Property found = properties.get(property);
            return found == null
                            || found.source() != Property.Source.LOCAL && found.source() != Property.Source.RECEIVED
                    ? null
                    : found.value();
        }

        boolean in(String state) {
            return state.equals(own(ZfsNames.STATE));
        }

        Snapshot record() {
            return ZfsRecord.read(name, this::own);
        }
    }

    private Optional<Home> home(SnapshotId id) throws IOException {
        SnapshotName hint = homes.get(id);
        if (hint != null) {
            Optional<Home> home = home(hint);
            if (home.isPresent()) {
                return home;
            }
        }
        ZfsInventory.Image image = inventory().homes().get(id);
        return image == null ? Optional.empty() : home(image.name());
    }

    private Optional<Home> home(SnapshotName name) throws IOException {
        List<String> properties = new ArrayList<>(ZfsRecord.properties());
        properties.add(ZfsNames.STATE);
        return find(name, properties.toArray(String[]::new))
                .map(found -> new Home(name, found))
                .filter(home -> home.in(ZfsNames.PUBLISHED) || home.in(ZfsNames.DELETED));
    }

    @Override
    public void replace(Snapshot snapshot) {
        attempt("cannot change snapshot " + snapshot.name(), () -> {
            Home home = home(snapshot.id())
                    .orElseThrow(() -> new NoSuchFileException("the record of snapshot " + snapshot.id()));
            // A hold too many is lifted by the next change, or when the snapshot is freed.
            if (snapshot.labels().held()) {
                hold(snapshot);
            }
            programs.setProperties(home.name(), ZfsRecord.of(snapshot));
            if (!snapshot.labels().held()) {
                for (DiskImage image : snapshot.disks()) {
                    if (image.store().equals(id())) {
                        release(locate(image));
                    }
                }
            }
        });
    }

    /** What people hold, nobody shall destroy past flatsnap either. */
    private void hold(Snapshot snapshot) throws IOException {
        for (DiskImage image : snapshot.disks()) {
            if (image.store().equals(id())) {
                SnapshotName name = locate(image);
                if (!core.holds(name).containsKey(ZfsNames.HOLD)) {
                    core.hold(Map.of(name, ZfsNames.HOLD));
                }
            }
        }
    }

    private void release(SnapshotName image) throws IOException {
        if (core.holds(image).containsKey(ZfsNames.HOLD)) {
            core.release(Map.of(image, ZfsNames.HOLD));
        }
    }

    @Override
    public void unpublish(VmId vm, SnapshotId id) {
        attempt("cannot delete snapshot " + id, () -> {
            Optional<Home> home = home(id);
            if (home.isPresent() && home.get().in(ZfsNames.PUBLISHED)) {
                programs.setProperties(home.get().name(), Map.of(ZfsNames.STATE, ZfsNames.DELETED));
            }
        });
    }

    @Override
    public void free(VmId vm, SnapshotId id) {
        attempt("cannot free the room of snapshot " + id, () -> {
            Optional<Home> home = home(id);
            if (home.isPresent() && home.get().in(ZfsNames.DELETED)) {
                List<SnapshotName> images = new ArrayList<>();
                for (DiskImage image : home.get().record().disks()) {
                    if (image.store().equals(id())) {
                        lookUp(image).ifPresent(images::add);
                    }
                }
                for (SnapshotName image : images) {
                    release(image);
                }
                new ZfsAsides(this).free(images);
            }
            // Made invisible by the record; a rename would need room that a full pool does not have.
            Staging.deleteTree(layout().snapshot(vm, id));
        });
    }

    @Override
    public Content image(Snapshot snapshot, DiskName disk) {
        return new ZfsContent(this, snapshot, snapshot.disk(disk).orElseThrow());
    }

    /** Blocks of 512 bytes, as the last look at the pool told. */
    long blocks(DiskImage image) {
        Located hint = located.get(image.guid().orElse(""));
        return (hint == null ? image.bytes() : hint.referenced()) / 512;
    }

    ZfsReaders readers() {
        return readers;
    }

    @Override
    public Content metadata(Snapshot snapshot) {
        return new ZfsContent.Text(CheckedFile.text(snapshot), snapshot.takenAt());
    }

    @Override
    public List<ForeignImage> foreign() {
        return produce("cannot list the snapshots of others", () -> new ZfsForeign(this).images());
    }

    @Override
    public void adopt(Snapshot snapshot) {
        attempt("cannot adopt " + snapshot.name(), () -> new ZfsForeign(this).adopt(snapshot));
    }

    @Override
    public Map<SnapshotId, Long> exclusiveBytes() {
        return produce("cannot measure the snapshots", () -> new ZfsSpace(this).exclusive());
    }

    @Override
    public long freedByDeleting(Set<SnapshotId> snapshots) {
        return produce("cannot measure the snapshots", () -> new ZfsSpace(this).freedByDeleting(snapshots));
    }

    @Override
    public Volumes volumes() {
        return volumes;
    }

    ZfsSwaps swaps() {
        return swaps;
    }

    @Override
    public Optional<DiskStamp> stamp(Path live) {
        return produce("cannot examine " + live, () -> swaps.stamp(disk(live)));
    }

    @Override
    public Staged stage(
            OperationId operation, Snapshot snapshot, List<DiskImage> images, Map<DiskName, DiskStamp> guarded) {
        return produce("cannot stage the disks of snapshot " + snapshot.name(), () -> {
            Staging staging = Staging.create(layout().staging(operation));
            List<Intent.Swap> staged = new ArrayList<>();
            try {
                String owner = staging.directory().getFileName().toString();
                for (DiskImage image : images) {
                    staged.add(swaps.stage(operation, owner, image, Optional.ofNullable(guarded.get(image.disk()))));
                }
                return new ZfsStaged(this, staging, List.copyOf(staged));
            } catch (IOException | Problem e) {
                staged.forEach(swap -> destroyAfter(e, new DatasetName(swap.staged())));
                staging.close();
                throw e;
            }
        });
    }

    @Override
    public Intent.Swap restage(Intent intent, Intent.Swap swap, Supplier<Snapshot> target) {
        requireOwn(intent);
        return produce("cannot stage disk " + swap.disk() + " again", () -> swaps.restage(intent, swap, target));
    }

    @Override
    boolean isOwn(Intent.Swap swap) {
        return ZfsNames.dataset(swap.staged())
                        .filter(staged -> ZfsNames.below(staged, names().staged()))
                        .isPresent()
                && swap.dataset()
                        .flatMap(ZfsNames::dataset)
                        .filter(names()::covers)
                        .isPresent();
    }

    @Override
    public boolean changed(Intent intent, Intent.Swap swap) {
        requireOwn(intent);
        return produce("cannot examine disk " + swap.disk(), () -> swaps.changed(intent, swap));
    }

    @Override
    public void swap(Intent intent, Intent.Swap swap) {
        requireOwn(intent);
        attempt("cannot put disk " + swap.disk() + " in place", () -> swaps.swap(intent, swap));
    }

    @Override
    public void lift(Intent intent) {
        requireOwn(intent);
        attempt("cannot end the rollback of VM " + intent.vm(), () -> {
            removeIntent(intent);
            for (Intent.Swap swap : intent.swaps()) {
                if (swap.store().equals(id())) {
                    destroy(new DatasetName(swap.staged()));
                }
            }
            for (Path directory : Layout.entries(layout().staging())) {
                if (directory.toString().endsWith("-" + intent.operation())) {
                    Staging.remove(directory);
                }
            }
        });
    }

    @Override
    public Path cloneTarget(DiskImage image, VmName name) {
        return produce("cannot make VM " + name, () -> {
            String child = (name + "-" + image.disk()).replaceAll("[^A-Za-z0-9_.:-]", "_");
            try {
                return disk(Path.of(image.source())).sibling(child).live();
            } catch (IllegalArgumentException e) {
                throw new Problem(
                        Code.INVALID,
                        "cannot make VM " + name,
                        String.valueOf(e.getMessage()),
                        "Choose a shorter name");
            }
        });
    }

    @Override
    public CloneOut cloneOut(
            OperationId operation, Snapshot snapshot, VmId domain, List<Target> targets, Optional<Path> companion) {
        return produce("cannot clone snapshot " + snapshot.name(), () -> {
            Staging staging = Staging.create(layout().staging(operation));
            try {
                ZfsCloneOut clone = new ZfsCloneOut(this, staging, companion);
                clone.make(snapshot, domain, targets);
                return clone;
            } catch (IOException | Problem e) {
                staging.close();
                throw e;
            }
        });
    }

    /** Tries again what a reader or a clone was in the way of. */
    @Override
    public boolean clearAbandoned(Predicate<VmId> exists) {
        return waiting.getAndSet(false);
    }

    /** Something could not be freed yet. */
    void waiting() {
        waiting.set(true);
    }

    @Override
    public boolean recover(Predicate<VmId> exists, Consumer<Snapshot> published) {
        return produce("cannot clear what an interrupted operation left", () -> {
            requireMounted();
            dropOldAnswers();
            readers.sweep();
            return new ZfsLeftovers(this, exists, published).clear();
        });
    }

    @Override
    public void close() {
        readers.close();
    }
}
