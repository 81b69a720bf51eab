package org.flatsnap.catalog;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The catalog: what stands on storage, ordered so that it can be found. Whatever happens to its file can be undone by
 * {@link #replaceAll} with what storage holds; only the results of operations live here alone.
 *
 * <p>What a call changed is durable when it returns. A reader sees all of a change or nothing of it, possibly a moment
 * before it is durable. A change whose commit failed is told as failed and may yet take effect.
 *
 * <p>For use by any number of threads. Changes are made by one thread, those that wait together in one commit; a commit
 * costs one sync of the disk. Readers wait for changes to memory, not for commits. An interrupt does not end a call, and
 * the thread stays interrupted.
 *
 * <p>Every method throws {@link Problem}: UNAVAILABLE if the file turns out damaged, from when on {@link #needsRebuild()} says
 * so and listeners are told, if it cannot be written, or if the catalog is closed. What it gives is what was put into it: the
 * file carries checksums over its blocks and over each record, of which the keys are part.
 */
public final class Catalog implements AutoCloseable {
    private static final int REBUILT_AT_ONCE = 200;
    private static final String KEPT = ".damaged-";
    private static final DateTimeFormatter FILE_TIME =
            DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmssSSS'Z'").withZone(ZoneOffset.UTC);

    /** A new catalog being filled, and the snapshots about which it knows more than the one who fills it. */
    private record Rebuild(Index index, Set<SnapshotId> changed) {}

    private final Logger log = LoggerFactory.getLogger(Catalog.class);
    private final Path file;
    private final FileLease lease;
    private final Failures failures;
    private final GroupCommit writer;
    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private final List<CatalogListener> listeners = new CopyOnWriteArrayList<>();
    // Has a thread only while there is something to do, and nothing to do once it is closed.
    private final ExecutorService background = new ThreadPoolExecutor(
            0,
            1,
            1,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> {
                Thread thread = new Thread(task, "catalog-reader");
                thread.setDaemon(true);
                return thread;
            },
            new ThreadPoolExecutor.DiscardPolicy());
    private volatile boolean needsRebuild;
    // INVARIANT: index is changed and replaced by the writer's thread alone, under the write lock.
    private Index index;
    private boolean closed;
    // INVARIANT: used by the writer's thread alone.
    private Optional<Rebuild> rebuild = Optional.empty();

    private Catalog(Path file, FileLease lease, Index index, boolean needsRebuild) {
        this.file = file;
        this.lease = lease;
        this.index = index;
        this.needsRebuild = needsRebuild;
        this.failures = new Failures(file);
        this.writer = new GroupCommit(this::commit, failures);
    }

    /**
     * Opens the catalog or makes an empty one. A file that is damaged or of another version is renamed to
     * {@code <file>.damaged-<time>} and replaced by an empty one; the one before it that was kept goes.
     *
     * <p>Beside the file stand {@code <file>.journal}, {@code <file>.log}, {@code <file>.lock} and, during a rebuild,
     * {@code <file>.rebuilding}. Reads the list of VMs and, of the blocks, their checksums and the first 64 MiB; a thread
     * reads what searches need in memory and checks the rest.
     *
     * @throws Problem UNAVAILABLE if another process uses it or the file cannot be used
     */
    public static Catalog open(Path file) {
        Failures failures = new Failures(file);
        try {
            FileLease lease = FileLease.take(file).orElseThrow(failures::inUse);
            try {
                Database.delete(rebuilding(file));
                Index index = openOrReplace(file);
                boolean needsRebuild = !index.isClean();
                index.mark(false);
                index.commit();
                Catalog catalog = new Catalog(file, lease, index, needsRebuild);
                catalog.writer.start();
                catalog.background.execute(catalog::catchUp);
                return catalog;
            } catch (IOException | RuntimeException e) {
                lease.close();
                throw e;
            }
        } catch (UncheckedIOException e) {
            throw failures.unusable(e.getCause());
        } catch (IOException e) {
            throw failures.unusable(e);
        }
    }

    private static Index openOrReplace(Path file) throws IOException {
        try {
            return Index.open(file, BlockFile.Durability.EACH_COMMIT);
        } catch (Damage e) {
            removeKept(file);
            Path aside = file.resolveSibling(file.getFileName() + KEPT + FILE_TIME.format(Instant.now()));
            Files.move(file, aside);
            Database.delete(file);
            LoggerFactory.getLogger(Catalog.class)
                    .warn(
                            "the catalog {} cannot be used ({}); it is kept as {}, and a new one is made from the stores",
                            file,
                            e.getMessage(),
                            aside);
            return Index.open(file, BlockFile.Durability.EACH_COMMIT);
        }
    }

    /** A disk that damages one catalog after the other must not fill up with them. */
    private static void removeKept(Path file) throws IOException {
        try (DirectoryStream<Path> kept =
                Files.newDirectoryStream(file.toAbsolutePath().getParent(), file.getFileName() + KEPT + "*")) {
            for (Path old : kept) {
                Files.delete(old);
            }
        }
    }

    private static Path rebuilding(Path file) {
        return file.resolveSibling(file.getFileName() + ".rebuilding");
    }

    /**
     * Whether it may lack or have too much compared to storage, so that {@link #replaceAll} is due: it is new, replaces a
     * damaged one, was not closed by its last user, or was found damaged. Survives a restart until the rebuild is done.
     */
    public boolean needsRebuild() {
        return needsRebuild;
    }

    /** Adds a snapshot or replaces the one of the same id. */
    public void put(Snapshot snapshot) {
        requireNonNull(snapshot, "snapshot");
        Optional<Snapshot> before = change(snapshot.id(), into -> into.put(snapshot));
        tell(before, Optional.of(snapshot));
    }

    /** To listeners, one that is under way is not there. */
    private void tell(Optional<Snapshot> before, Optional<Snapshot> after) {
        Optional<Snapshot> shownBefore =
                before.filter(snapshot -> !snapshot.labels().underWay());
        Optional<Snapshot> shownAfter =
                after.filter(snapshot -> !snapshot.labels().underWay());
        if (shownBefore.isPresent() || shownAfter.isPresent()) {
            listeners.forEach(listener -> listener.changed(shownBefore, shownAfter));
        }
    }

    /** Removes a snapshot; without effect if it is not there. */
    public void remove(SnapshotId id) {
        requireNonNull(id, "id");
        Optional<Snapshot> before = change(id, from -> from.remove(id));
        tell(before, Optional.empty());
    }

    private <T> T change(SnapshotId id, Function<Index, T> change) {
        try {
            return make(() -> {
                rebuild.ifPresent(filling -> {
                    filling.changed().add(id);
                    change.apply(filling.index());
                });
                return locked(() -> change.apply(index));
            });
        } catch (RuntimeException e) {
            listeners.forEach(CatalogListener::replaced);
            throw e;
        }
    }

    /** The snapshot of this id, also one that is under way. Costs two look-ups. */
    public Optional<Snapshot> find(SnapshotId id) {
        requireNonNull(id, "id");
        return read(from -> from.find(id));
    }

    /**
     * The snapshot of this name: one in use before one that is retired, and the newest, should storage hold several. Costs two
     * look-ups, three for one that is retired.
     */
    public Optional<Snapshot> find(VmId vm, SnapshotName name) {
        requireNonNull(vm, "vm");
        requireNonNull(name, "name");
        return read(from -> from.find(vm, name));
    }

    /**
     * All snapshots of this name: those under way, those in use, those that are retired; of each the newest first. Costs two
     * look-ups for each.
     */
    public List<Snapshot> named(VmId vm, SnapshotName name) {
        requireNonNull(vm, "vm");
        requireNonNull(name, "name");
        return read(from -> from.named(vm, name));
    }

    /** Those that their manager has not finished: only this, an id, an operation and {@link #named} lead to them. */
    public List<Snapshot> underWay() {
        return read(Index::underWay);
    }

    /** The snapshot this operation made; the newest, if it made several. Costs two look-ups. */
    public Optional<Snapshot> findByOperation(OperationId operation) {
        requireNonNull(operation, "operation");
        return read(from -> from.find(operation));
    }

    /** The newest snapshot of a VM that is in use; if it has none, the newest that is retired. Costs two look-ups, or three. */
    public Optional<Snapshot> newest(VmId vm) {
        requireNonNull(vm, "vm");
        return read(from -> from.newest(vm));
    }

    /** Every VM that has snapshots, those under way and retired ones too. As {@link #vms()}, and a look-up for each under way. */
    public Set<VmId> vmIds() {
        return read(from -> {
            Set<VmId> ids = new HashSet<>();
            from.rows().keySet().forEach(section -> ids.add(section.vm()));
            from.underWay().forEach(snapshot -> ids.add(snapshot.vm()));
            return ids;
        });
    }

    /** The ids of a VM's snapshots, of those under way and retired ones too. Costs a walk over them, without reading what is known of them. */
    public Set<SnapshotId> ids(VmId vm) {
        requireNonNull(vm, "vm");
        return read(from -> {
            Set<SnapshotId> ids = new HashSet<>();
            for (byte[] prefix :
                    List.of(Keys.vm(Section.used(vm)), Keys.vm(Section.retiredOf(vm)), Keys.underWay(vm))) {
                from.walk(prefix, Bounds.NEWEST_FIRST)
                        .forEachRemaining(
                                entry -> ids.add(Stamp.endOf(entry.getKey()).id()));
            }
            return ids;
        });
    }

    /** What is known of a VM and its snapshots in use; empty if it has none. Costs one look-up in memory. */
    public Optional<VmEntry> vm(VmId vm) {
        return entry(Section.used(requireNonNull(vm, "vm")));
    }

    /** The same of its retired snapshots. */
    public Optional<VmEntry> retiredVm(VmId vm) {
        return entry(Section.retiredOf(requireNonNull(vm, "vm")));
    }

    private Optional<VmEntry> entry(Section section) {
        return read(from -> Optional.ofNullable(from.rows().get(section)).map(row -> row.entry(section.vm())));
    }

    /** Every VM that has snapshots in use, by id. Costs one walk over the VMs in memory, whatever the number of snapshots. */
    public List<VmEntry> vms() {
        return read(from -> from.vms(false));
    }

    /** Every VM that has retired snapshots, by id, and what is known of these. Costs what {@link #vms()} does. */
    public List<VmEntry> retiredVms() {
        return read(from -> from.vms(true));
    }

    /** Every tag that a snapshot has, in the order of their bytes. Costs one walk over the tags. */
    public List<Tag> tags() {
        return read(Index::tags);
    }

    /**
     * One page of what matches. Pages that follow each other neither repeat nor leave out a snapshot, whatever is added
     * and removed meanwhile; what was added behind the place reached may appear.
     *
     * <p>Walks the index that promises a full page soonest: the VMs' own snapshots, those of one tag or exact name, on some VMs
     * or on all, or all snapshots by time; always from the page's place in the time range, and no further than the page is full.
     * What stands in no index is looked for in memory, about a nanosecond per snapshot. In the first seconds after
     * opening, and if there is no memory for that, it is looked for in the file: about a microsecond per snapshot.
     *
     * @throws Problem INVALID if a pattern or the cursor is malformed
     */
    public Page query(SnapshotQuery query) {
        Search search = new Search(query);
        boolean complete;
        do {
            complete = read(search::slice);
        } while (!complete);
        return search.page();
    }

    /**
     * Keeps an operation's result for 7 days, counted by the times of later results. One that is told later takes the place
     * of the one before.
     */
    public void recordOperation(OperationId operation, String resultJson, Instant at) {
        requireNonNull(operation, "operation");
        requireNonNull(resultJson, "resultJson");
        requireNonNull(at, "at");
        make(() -> locked(() -> {
            index.record(operation, resultJson, at);
            return operation;
        }));
    }

    /** The result kept for an operation. */
    public Optional<String> operationResult(OperationId operation) {
        requireNonNull(operation, "operation");
        return read(from -> from.result(operation));
    }

    /**
     * The rebuild: makes the catalog hold exactly these snapshots and the results of operations it has. A snapshot put or
     * removed while this runs is as that call left it, whatever is given here.
     *
     * <p>Fills a new file and then exchanges it for the old one, so readers see all as before or all as after, and a
     * damaged file is healed. If it fails, all is as before. Needs the memory of a few hundred snapshots and at most 32 MiB.
     *
     * @throws Problem BUSY if another rebuild is under way; whatever the iterator throws
     */
    public void replaceAll(Iterator<Snapshot> snapshots) {
        make(this::beginRebuild);
        try {
            List<Snapshot> batch = new ArrayList<>();
            while (snapshots.hasNext()) {
                batch.add(requireNonNull(snapshots.next(), "snapshot"));
                if (batch.size() == REBUILT_AT_ONCE) {
                    fill(List.copyOf(batch));
                    batch.clear();
                }
            }
            fill(batch);
            make(this::endRebuild);
        } catch (RuntimeException | Error e) {
            try {
                make(this::dropRebuild);
            } catch (Problem unusable) {
                e.addSuppressed(unusable);
            }
            throw e;
        }
        background.execute(this::catchUp);
        listeners.forEach(CatalogListener::replaced);
    }

    private void catchUp() {
        try {
            boolean more;
            do {
                more = read(Index::catchUp);
            } while (more);
        } catch (Problem e) {
            log.debug("the catalog {} is not read further: {}", file, e.getMessage());
        }
    }

    private Index beginRebuild() {
        if (rebuild.isPresent()) {
            throw failures.rebuilding();
        }
        try {
            Database.delete(rebuilding(file));
            rebuild = Optional.of(
                    new Rebuild(Index.open(rebuilding(file), BlockFile.Durability.ON_CLOSE), new HashSet<>()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return index;
    }

    private void fill(List<Snapshot> batch) {
        make(() -> {
            Rebuild filling = rebuild.orElseThrow();
            batch.stream()
                    .filter(snapshot -> !filling.changed().contains(snapshot.id()))
                    .forEach(filling.index()::put);
            filling.index().commit();
            return filling;
        });
    }

    private Index endRebuild() {
        Index filled = rebuild.orElseThrow().index();
        try {
            filled.addResults(index);
        } catch (RuntimeException | AssertionError e) {
            // Storage has those that matter most.
            log.warn("some results of operations are lost with the damaged catalog {} ({})", file, e.getMessage());
        }
        filled.checkpoint();
        rebuild = Optional.empty();
        try {
            filled.close();
            // The log is moved first, and with it goes that of the old one.
            locked(this::gather);
            index.checkpoint();
            Index fresh = Index.open(rebuilding(file), BlockFile.Durability.EACH_COMMIT);
            try {
                Database.move(rebuilding(file), file);
            } catch (IOException e) {
                fresh.close();
                throw e;
            }
            Index old = index;
            locked(() -> {
                index = fresh;
                return index;
            });
            old.close();
            Directories.sync(file);
            needsRebuild = false;
            return fresh;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Optional<Rebuild> dropRebuild() {
        Optional<Rebuild> dropped = rebuild;
        rebuild = Optional.empty();
        if (dropped.isPresent()) {
            try {
                dropped.get().index().close();
                Database.delete(rebuilding(file));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return dropped;
    }

    /** Tells this listener of all changes from now on. */
    public void listen(CatalogListener listener) {
        listeners.add(requireNonNull(listener, "listener"));
    }

    /** Ends all use and notes that the file is up to date, unless a rebuild is due. Without effect the second time. */
    @Override
    public void close() {
        told(() -> {
            try {
                writer.close(() -> {
                    dropRebuild();
                    locked(() -> {
                        index.mark(!needsRebuild);
                        index.checkpoint();
                        return index;
                    });
                });
            } finally {
                background.shutdown();
                locked(this::closeFiles);
            }
            return file;
        });
    }

    private Path closeFiles() {
        closed = true;
        try (lease) {
            index.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file;
    }

    private <T> T read(Function<Index, T> reader) {
        return told(() -> {
            lock.readLock().lock();
            try {
                if (closed) {
                    throw failures.closed();
                }
                return reader.apply(index);
            } finally {
                lock.readLock().unlock();
            }
        });
    }

    /** On the writer's thread. Readers need not wait for the disk. */
    private void commit() {
        if (index.checkpointDue()) {
            locked(this::gather);
        }
        index.commit();
    }

    private Index gather() {
        index.gather();
        return index;
    }

    private <T> T make(Supplier<T> change) {
        return told(() -> writer.make(change));
    }

    private <T> T locked(Supplier<T> change) {
        lock.writeLock().lock();
        try {
            return change.get();
        } finally {
            lock.writeLock().unlock();
        }
    }

    /** Turns what went wrong into a Problem. What MapDB throws over bytes that are as written counts as damage too. */
    private <T> T told(Supplier<T> call) {
        try {
            return call.get();
        } catch (Problem e) {
            throw e;
        } catch (UncheckedIOException e) {
            throw failures.unusable(e.getCause());
        } catch (RuntimeException | AssertionError e) {
            if (!needsRebuild) {
                log.error("the catalog {} is damaged: {}", file, e.getMessage(), e instanceof Damage ? null : e);
            }
            needsRebuild = true;
            listeners.forEach(CatalogListener::damaged);
            throw failures.damaged(e);
        }
    }
}
