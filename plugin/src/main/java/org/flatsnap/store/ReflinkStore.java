package org.flatsnap.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.FileIdentity;
import org.flatsnap.linux.FileStatus;
import org.flatsnap.linux.FileSystemStatus;
import org.flatsnap.linux.Host;
import org.flatsnap.linux.Reflink;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A store on a file system that clones files: XFS with {@code reflink=1}, btrfs, OCFS2 with {@code refcount}. */
public final class ReflinkStore extends FiledStore {
    private static final Logger LOG = LoggerFactory.getLogger(ReflinkStore.class);

    /** NAME_MAX, linux/limits.h. */
    private static final int MAX_NAME_BYTES = 255;

    private final Path root;
    private final Layout layout;
    private final Optional<String> host;
    private final ChangeLog log;
    private final ChangeReader reader = new ChangeReader();
    private final ReflinkVolumes volumes;

    private ReflinkStore(Path root, Layout layout, StoreIdentity identity, Optional<String> host) {
        super(layout, identity);
        this.root = root;
        this.layout = layout;
        this.host = host;
        this.log = new ChangeLog(layout.changeLog(), ChangeLog.LIMIT);
        this.volumes = new ReflinkVolumes(this, root);
    }

    /** Opens the store at a directory under the kernel's name of this host. */
    public static ReflinkStore open(Path directory, Optional<StoreId> known) {
        return open(directory, known, Optional.empty());
    }

    /**
     * Opens the store at a directory, making {@code .flatsnap} in it the first time.
     *
     * @param known the identity the store at this directory is known to have, so that what lies under a missing mount is not
     *     taken for it; empty the first time
     * @param host as in {@link StorePlace.Directory}
     * @throws Problem if the directory is missing, cannot clone files, is of another layout version or another store
     */
    static ReflinkStore open(Path directory, Optional<StoreId> known, Optional<String> host) {
        String what = "cannot use the store " + directory;
        try {
            Path root = directory.toRealPath();
            if (!Files.isDirectory(root)) {
                throw new NotDirectoryException(directory.toString());
            }
            if (FileSystemStatus.of(root).type() == FileSystemStatus.Type.ZFS) {
                throw new Problem(
                        Code.UNSUPPORTED,
                        what,
                        "block cloning of ZFS is not safe for disks in use",
                        "Name the dataset in place of the path: dataset = \""
                                + Files.getFileStore(root).name() + "\"");
            }
            Layout layout = new Layout(root.resolve(Layout.DIRECTORY), host.isPresent() ? host.get() : Host.name());
            if (!Files.exists(layout.identity()) && known.isEmpty()) {
                probe(root);
            }
            return new ReflinkStore(root, layout, StoreIdentity.readOrMake(what, layout, known), host);
        } catch (NoSuchFileException e) {
            throw new Problem(
                    Code.UNAVAILABLE,
                    what,
                    "there is no such directory",
                    "Mount its file system, or correct [[store]] path in /etc/flatsnap/flatsnap.toml",
                    e);
        } catch (NotDirectoryException e) {
            throw new Problem(
                    Code.UNAVAILABLE, what, "it is not a directory", "Name the directory that holds the disks", e);
        } catch (IOException e) {
            throw StorageProblem.of(what, directory, e);
        }
    }

    @Override
    public StorePlace place() {
        return new StorePlace.Directory(root, host);
    }

    @Override
    public StoreStatus status() {
        return produce("cannot examine the store", () -> {
            FileSystemStatus status = FileSystemStatus.of(layout.base());
            return new StoreStatus(
                    status.type().name().toLowerCase(Locale.ROOT),
                    status.readOnly(),
                    status.totalBytes(),
                    status.availableBytes());
        });
    }

    @Override
    public boolean covers(Path disk) {
        if (!disk.startsWith(root) || disk.startsWith(layout.base())) {
            return false;
        }
        return produce("cannot examine " + disk, () -> {
            try {
                // A mount or a btrfs subvolume below the root has another device number: renames do not reach it.
                return device(disk.getParent()).equals(device(layout.base()));
            } catch (NoSuchFileException e) {
                return false;
            }
        });
    }

    @Override
    public Optional<Problem> obstacle(Path disk) {
        return Optional.empty();
    }

    @Override
    public boolean clonesTogether() {
        return false;
    }

    private static Object device(Path path) throws IOException {
        return Files.getAttribute(path, "unix:dev");
    }

    @Override
    public Capture capture(OperationId operation, VmId vm, SnapshotId snapshot, List<DiskSource> disks) {
        return produce("cannot begin snapshot " + snapshot, () -> capture(operation, disks, false));
    }

    @Override
    public Capture extend(OperationId operation, Snapshot snapshot, List<DiskSource> disks) {
        requireFurther(snapshot, disks);
        return produce("cannot add to snapshot " + snapshot.name(), () -> capture(operation, disks, true));
    }

    private Capture capture(OperationId operation, List<DiskSource> disks, boolean further) throws IOException {
        Staging staging = Staging.create(layout.staging(operation));
        try {
            return new ReflinkCapture(this, staging, List.copyOf(disks), further);
        } catch (IOException e) {
            staging.close();
            throw e;
        }
    }

    @Override
    public Stream<Snapshot> scan(Consumer<Problem> damaged) {
        return walk().flatMap(
                        vm -> vm.getValue().stream().flatMap(id -> readForScan(vm.getKey(), id, damaged).stream()));
    }

    @Override
    public long countPublished() {
        return walk().mapToLong(vm -> vm.getValue().size()).sum();
    }

    private Stream<Map.Entry<VmId, Set<SnapshotId>>> walk() {
        PublishedIds ids = produce("cannot list snapshots", () -> {
            requireMounted();
            return new PublishedIds(this, layout);
        });
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(ids, Spliterator.DISTINCT), false);
    }

    private Optional<Snapshot> readForScan(VmId vm, SnapshotId snapshot, Consumer<Problem> damaged) {
        try {
            Optional<Snapshot> content = read(vm, snapshot);
            if (content.isEmpty() && Files.exists(layout.snapshot(vm, snapshot))) {
                NoSuchFileException missing =
                        new NoSuchFileException(layout.metadata(vm, snapshot).toString());
                damaged.accept(StorageProblem.of("cannot read snapshot " + snapshot, root, missing));
            }
            return content;
        } catch (Problem e) {
            damaged.accept(e);
            return Optional.empty();
        }
    }

    @Override
    public Map<SnapshotId, VmId> published() {
        Map<SnapshotId, VmId> published = new HashMap<>();
        published((vm, ids) -> ids.forEach(id -> published.put(id, vm)));
        return published;
    }

    @Override
    public void published(BiConsumer<VmId, Set<SnapshotId>> reader) {
        walk().forEach(vm -> reader.accept(vm.getKey(), vm.getValue()));
    }

    @Override
    public Optional<Snapshot> read(VmId vm, SnapshotId snapshot) {
        return produce("cannot read snapshot " + snapshot, () -> {
            try {
                Path file = layout.metadata(vm, snapshot);
                Snapshot content = CheckedFile.read(file, Snapshot.class);
                if (!content.vm().equals(vm) || !content.id().equals(snapshot)) {
                    throw CheckedFile.damaged(file, "it is of another snapshot, " + content.id(), null);
                }
                return Optional.of(content);
            } catch (NoSuchFileException e) {
                requireMounted();
                return Optional.empty();
            }
        });
    }

    @Override
    public void replace(Snapshot snapshot) {
        attempt(
                "cannot change snapshot " + snapshot.name(),
                () -> CheckedFile.replace(layout.metadata(snapshot.vm(), snapshot.id()), snapshot));
        tell(snapshot.vm(), snapshot.id());
    }

    /** Tells the other hosts that something became of a snapshot. */
    void tell(VmId vm, SnapshotId snapshot) {
        log.add(vm, snapshot);
    }

    @Override
    public Changes changes() {
        return produce("cannot read what other hosts did to the store", () -> {
            if (log.announced()) {
                return reader.read(log.others());
            }
            requireMounted();
            boolean announced = log.announce();
            Changes changes = reader.read(log.others());
            // From the announcement on the others write down what they do, and it may have failed before.
            return announced ? new Changes(true, changes.snapshots()) : changes;
        });
    }

    @Override
    public boolean shared() {
        return produce(
                "cannot tell who else uses the store", () -> !log.others().isEmpty());
    }

    @Override
    public void unpublish(VmId vm, SnapshotId snapshot) {
        attempt("cannot delete snapshot " + snapshot, () -> {
            try {
                Files.createDirectories(layout.deleted(vm));
                Files.move(layout.snapshot(vm, snapshot), layout.deleted(vm, snapshot), StandardCopyOption.ATOMIC_MOVE);
            } catch (NoSuchFileException e) {
                return;
            }
            Durability.sync(layout.deleted(vm));
            Durability.sync(layout.vm(vm));
            tell(vm, snapshot);
        });
    }

    @Override
    public void free(VmId vm, SnapshotId snapshot) {
        attempt("cannot free the room of snapshot " + snapshot, () -> Staging.deleteTree(layout.deleted(vm, snapshot)));
    }

    @Override
    public Content image(Snapshot snapshot, DiskName disk) {
        return Content.of(layout.image(snapshot.vm(), snapshot.id(), disk));
    }

    @Override
    public Content metadata(Snapshot snapshot) {
        return Content.of(layout.metadata(snapshot.vm(), snapshot.id()));
    }

    @Override
    public List<ForeignImage> foreign() {
        return List.of();
    }

    @Override
    public void adopt(Snapshot snapshot) {
        throw new Problem(
                Code.UNSUPPORTED,
                "cannot adopt " + snapshot.name(),
                "the store " + root + " knows no snapshots of others",
                "Only ZFS has such snapshots");
    }

    @Override
    public Map<SnapshotId, Long> exclusiveBytes() {
        return produce("cannot measure the snapshots", () -> space().exclusive());
    }

    @Override
    public long freedByDeleting(Set<SnapshotId> snapshots) {
        return produce("cannot measure the snapshots", () -> space().freedByDeleting(snapshots));
    }

    private ReflinkSpace space() {
        return new ReflinkSpace(root, layout, published());
    }

    @Override
    public ReflinkVolumes volumes() {
        return volumes;
    }

    @Override
    public Optional<DiskStamp> stamp(Path live) {
        return produce("cannot examine " + live, () -> DiskStamp.of(live));
    }

    @Override
    public Staged stage(
            OperationId operation, Snapshot snapshot, List<DiskImage> images, Map<DiskName, DiskStamp> guarded) {
        return produce("cannot stage the disks of snapshot " + snapshot.name(), () -> {
            Staging staging = Staging.create(layout.staging(operation));
            try {
                List<Intent.Swap> swaps = new ArrayList<>();
                for (DiskImage image : images) {
                    Path staged = staging.directory().resolve(Layout.fileName(image.disk()));
                    Path live = Path.of(image.source());
                    stage(snapshot, image.disk(), staged, live);
                    swaps.add(new Intent.Swap(
                            image.disk(),
                            id(),
                            root.relativize(staged).toString(),
                            FileStatus.of(staged).inode(),
                            live.toString(),
                            Optional.empty(),
                            Optional.ofNullable(guarded.get(image.disk()))));
                }
                Durability.sync(staging.directory());
                Durability.sync(layout.staging());
                return new ReflinkStaged(this, staging, List.copyOf(swaps));
            } catch (IOException e) {
                staging.close();
                throw e;
            }
        });
    }

    private void stage(Snapshot snapshot, DiskName disk, Path staged, Path live) throws IOException {
        Reflink.cloneFile(layout.image(snapshot.vm(), snapshot.id(), disk), staged);
        if (Files.exists(live)) {
            FileIdentity.copy(live, staged);
        }
        Durability.sync(staged);
    }

    @Override
    public Intent.Swap restage(Intent intent, Intent.Swap swap, Supplier<Snapshot> target) {
        requireOwn(intent);
        return produce("cannot stage disk " + swap.disk() + " again", () -> {
            Path live = Path.of(swap.live());
            Path staged = root.resolve(swap.staged());
            if (swapped(swap, DiskStamp.of(live)) || swapped(swap, DiskStamp.of(staged))) {
                return swap;
            }
            LOG.warn("{} is gone, which is to become {}: staging it again", staged, live);
            Files.deleteIfExists(staged);
            Files.createDirectories(staged.getParent());
            stage(target.get(), swap.disk(), staged, live);
            Durability.sync(staged.getParent());
            Durability.sync(layout.staging());
            return swap.stagedAs(swap.staged(), FileStatus.of(staged).inode());
        });
    }

    @Override
    boolean isOwn(Intent.Swap swap) {
        Path staged = root.resolve(swap.staged()).normalize();
        return staged.startsWith(layout.staging())
                && layout.staging().relativize(staged).getNameCount() == 2
                && !Files.isSymbolicLink(staged.getParent())
                && mayHold(Path.of(swap.live()));
    }

    /** Whether a disk of this store can be there, whoever says so. */
    boolean mayHold(Path disk) {
        Path place = disk.normalize();
        return place.startsWith(root) && !place.equals(root) && !place.startsWith(layout.base());
    }

    @Override
    public boolean changed(Intent intent, Intent.Swap swap) {
        requireOwn(intent);
        Optional<DiskStamp> present = stamp(Path.of(swap.live()));
        return !swapped(swap, present) && !present.equals(swap.guarded());
    }

    private static boolean swapped(Intent.Swap swap, Optional<DiskStamp> present) {
        return present.filter(stamp -> stamp.identity() == swap.identity()).isPresent();
    }

    @Override
    public void swap(Intent intent, Intent.Swap swap) {
        requireOwn(intent);
        attempt("cannot put disk " + swap.disk() + " in place", () -> {
            if (changed(intent, swap)) {
                throw swap.refusal();
            }
            Path live = Path.of(swap.live());
            if (!swapped(swap, DiskStamp.of(live))) {
                Files.move(root.resolve(swap.staged()), live, StandardCopyOption.ATOMIC_MOVE);
            }
            Durability.sync(live.getParent());
        });
    }

    @Override
    public void lift(Intent intent) {
        requireOwn(intent);
        attempt("cannot end the rollback of VM " + intent.vm(), () -> {
            removeIntent(intent);
            for (Path directory : stagingOf(intent)) {
                Staging.remove(directory);
            }
        });
    }

    /** The directories in which it has something staged. */
    Set<Path> stagingOf(Intent intent) {
        Set<Path> directories = new HashSet<>();
        for (Intent.Swap swap : intent.swaps()) {
            if (swap.store().equals(id())) {
                directories.add(root.resolve(swap.staged()).getParent());
            }
        }
        return directories;
    }

    @Override
    public Path cloneTarget(DiskImage image, VmName name) {
        Path file = Path.of(image.source()).resolveSibling(name + "-" + image.disk() + ".raw");
        if (file.getFileName().toString().getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
            throw new Problem(
                    Code.INVALID,
                    "cannot make VM " + name,
                    "its disks would have names longer than " + MAX_NAME_BYTES + " bytes",
                    "Choose a shorter name");
        }
        return file;
    }

    @Override
    public CloneOut cloneOut(
            OperationId operation, Snapshot snapshot, VmId domain, List<Target> targets, Optional<Path> companion) {
        return produce("cannot clone snapshot " + snapshot.name(), () -> {
            Staging staging = Staging.create(layout.staging(operation));
            try {
                return ReflinkCloneOut.make(this, staging, snapshot, domain, targets, companion);
            } catch (IOException e) {
                staging.close();
                throw e;
            }
        });
    }

    @Override
    public boolean clearAbandoned(Predicate<VmId> exists) {
        return produce("cannot clear what a dead host left", () -> new Leftovers(this, exists).clearStaging());
    }

    @Override
    public boolean recover(Predicate<VmId> exists, Consumer<Snapshot> published) {
        return produce("cannot clear what an interrupted operation left", () -> {
            requireMounted();
            dropOldAnswers();
            return new Leftovers(this, exists).clear();
        });
    }

    @Override
    public void close() {
        // Files that are open are their readers' to close.
    }

    /** Really clones a file: whether a file system can is not told by its type. */
    private static void probe(Path root) throws IOException {
        Path directory = Files.createTempDirectory(root, ".flatsnap-probe-");
        try {
            Path source = Files.write(directory.resolve("source"), new byte[1 << 16]);
            Reflink.cloneFile(source, directory.resolve("clone"));
        } finally {
            Staging.deleteTree(directory);
        }
    }
}
