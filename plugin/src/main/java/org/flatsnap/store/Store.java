package org.flatsnap.store;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * A place on which disks lie and snapshots of them can stand: a file system that clones files, or a dataset of ZFS. A disk is
 * known by the absolute path under which its VM opens it.
 *
 * <p>Every method throws {@link Problem} with cause and remedy when storage fails. Methods may be called by several
 * threads; those that change something about a VM want its {@link #lock} held by the caller.
 */
public interface Store extends AutoCloseable {
    /** How long answers stay; {@link #recover} removes older ones. */
    Duration ANSWERS_KEPT = Duration.ofDays(7);

    /** Identity, unchanged when the store is mounted elsewhere. */
    StoreId id();

    /** Where the administrator said it is, without symbolic links. */
    StorePlace place();

    /** What the file system can and has. */
    StoreStatus status();

    /** Whether the disk lies here, so that clones of it can be swapped in: path without symbolic links, existing or not. */
    boolean covers(Path disk);

    /** Why a disk that lies here cannot be part of snapshots all the same; empty if it can. */
    Optional<Problem> obstacle(Path disk);

    /** Whether clones of several disks, made by one {@link Capture#cloneDisks}, show one moment. */
    boolean clonesTogether();

    /**
     * Excludes everybody else, on this and on other nodes, from changing anything about the VM on this store.
     *
     * @param patience how long to wait; after it a {@link Problem} with code BUSY
     */
    VmLock lock(VmId vm, Duration patience);

    /**
     * Excludes everybody else, on this and on other nodes, from working on a rollback of the VM: held from before its intent
     * is written until all is done, the manager's part included, which no {@link #lock} may cover. Nobody who waits for it
     * holds a lock.
     *
     * @param patience as of {@link #lock}
     */
    VmLock lockRollback(VmId vm, Duration patience);

    /** Begins a snapshot; nothing is visible until it is published. */
    Capture capture(OperationId operation, VmId vm, SnapshotId id, List<DiskSource> disks);

    /**
     * Begins to add images of further disks to a published snapshot: as {@link #capture}, but {@link Capture#publish} takes the
     * snapshot with all its images, old and new, and replaces what is known about it in one atomic step. Until then, also after a
     * kill, it stands as it was, and the same can be begun again. What was saved beside its images stays: there is nothing to
     * save.
     *
     * @param snapshot as it stands now, with an image on this store
     * @param disks none that the snapshot has an image of
     * @throws Problem with code EXISTS if it has one
     */
    Capture extend(OperationId operation, Snapshot snapshot, List<DiskSource> disks);

    /**
     * Reads every published snapshot, in no order, while the stream is consumed; close it.
     *
     * @param damaged told of each one that cannot be read; it is left where it is
     */
    Stream<Snapshot> scan(Consumer<Problem> damaged);

    /** The ids of every published snapshot and their VMs, without reading them. */
    Map<SnapshotId, VmId> published();

    /** The same, told of one VM after the other, in little memory. */
    default void published(BiConsumer<VmId, Set<SnapshotId>> reader) {
        Map<VmId, Set<SnapshotId>> ofVms = new HashMap<>();
        published().forEach((id, vm) -> ofVms.computeIfAbsent(vm, first -> new HashSet<>())
                .add(id));
        ofVms.forEach(reader);
    }

    /** How many snapshots are published, in little memory. */
    default long countPublished() {
        return published().size();
    }

    /**
     * What other hosts have done here since this was last called; everything, the first time, when it also makes this host
     * known to the others. Quick: to be called every second.
     */
    default Changes changes() {
        return Changes.NONE;
    }

    /** Whether other hosts have ever used it. */
    default boolean shared() {
        return false;
    }

    /** Reads one, if it is published here. */
    Optional<Snapshot> read(VmId vm, SnapshotId id);

    /** Replaces what is known about a published snapshot, atomically and durably. */
    void replace(Snapshot snapshot);

    /** Makes a published snapshot invisible for good, in one atomic and durable step. Absent is fine. */
    void unpublish(VmId vm, SnapshotId id);

    /** Frees the room of an unpublished snapshot; {@link #recover} does it for one that was left. Absent is fine. */
    void free(VmId vm, SnapshotId id);

    /** The complete raw image of one disk. */
    Content image(Snapshot snapshot, DiskName disk);

    /** What is known about a snapshot, as it stands on storage. */
    Content metadata(Snapshot snapshot);

    /** A file saved beside the images: {@code domain.xml}, {@code nvram.fd}. It need not exist. */
    Path savedFile(VmId vm, SnapshotId id, String fileName);

    /**
     * What each published snapshot alone keeps from being free, in bytes. May take seconds. On btrfs the most it can be: an
     * extent that was written as one is freed there as one, when the last part of it is unused.
     */
    Map<SnapshotId, Long> exclusiveBytes();

    /** Images of disks that others made here, in the order they were made; they are never changed. */
    List<ForeignImage> foreign();

    /**
     * Makes a snapshot of foreign images a published one of flatsnap's own, durably. Their makers lose it: the images get other
     * names. Done half, the rest can be adopted again.
     */
    void adopt(Snapshot snapshot);

    /** What deleting all of these together would free, in bytes; unknown ones count nothing. As exact as {@link #exclusiveBytes}. */
    long freedByDeleting(Set<SnapshotId> snapshots);

    /** The disks that it keeps for a manager. */
    Volumes volumes();

    /** What a live disk is like now, to be told from another one later; empty if there is none. */
    Optional<DiskStamp> stamp(Path live);

    /**
     * Clones images into staging with the owner, mode, label and properties of the live disks, durable and ready to be swapped
     * in.
     *
     * @param guarded what the live disks were like when their guard was taken
     */
    Staged stage(OperationId operation, Snapshot snapshot, List<DiskImage> images, Map<DiskName, DiskStamp> guarded);

    /**
     * Keeps durably what an operation answered, for a retry that comes when the catalog has been lost. Needs room.
     *
     * @param answer replaces what was kept for the operation
     */
    void keepAnswer(OperationId operation, String answer);

    /** What was kept for an operation in the last {@link #ANSWERS_KEPT}. */
    Optional<String> answer(OperationId operation);

    /** Makes the intent stand durably. */
    void write(Intent intent);

    /**
     * The intents that stand on this store.
     *
     * @param damaged told of each one that cannot be read
     */
    List<Intent> intents(Consumer<Problem> damaged);

    /** The intent of one VM, if one stands here. */
    Optional<Intent> intent(VmId vm);

    /** Whether the live disk is neither what the intent's guard holds nor swapped yet: somebody has written to it since. */
    boolean changed(Intent intent, Intent.Swap swap);

    /**
     * Stages a disk of the intent anew if what was staged is lost, by somebody's hand.
     *
     * @param target gives the snapshot rolled back to; asked only then
     * @return what is to stand in the intent from now on; the same swap if nothing is lost, or the disk is in place
     */
    Intent.Swap restage(Intent intent, Intent.Swap swap, Supplier<Snapshot> target);

    /** Puts a staged disk of the intent in the live one's place, durably. Done before is fine; a {@link #changed} one is refused. */
    void swap(Intent intent, Intent.Swap swap);

    /** Lifts this intent and removes what was staged for it. Absent is fine, another one of the VM stays. */
    void lift(Intent intent);

    /**
     * Where a new VM's clone of a disk would be: {@code web01.raw} on disk vda becomes {@code <name>-vda.raw} beside it.
     *
     * @throws Problem with code INVALID if there can be nothing of that name
     */
    Path cloneTarget(DiskImage image, VmName name);

    /**
     * Clones images to new disks, none of which may exist.
     *
     * @param domain the new VM, so that recovery can tell whether the disks belong to something
     * @param companion a file of the new VM that the caller makes afterwards, anywhere; whoever removes the disks removes it
     */
    CloneOut cloneOut(
            OperationId operation, Snapshot snapshot, VmId domain, List<Target> targets, Optional<Path> companion);

    /** A disk of a snapshot and the place of its clone, from {@link #cloneTarget}. */
    record Target(DiskName disk, Path path) {}

    /**
     * Removes staging whose owner is gone, as {@link #recover} does, and nothing else. Quick: to be called every few seconds,
     * because the owner may have been another host.
     *
     * @return whether there was any, so that more may be left
     */
    default boolean clearAbandoned(Predicate<VmId> exists) {
        return false;
    }

    /**
     * Removes staging whose owner is gone and frees what was unpublished and not yet freed. Staging of an intent that stands
     * stays, and so does whatever living operations work on: this is called at start, when another host has died, and every few
     * minutes.
     *
     * @param exists whether a VM is defined: new files cloned for one that is not are removed
     * @param published told of each snapshot that is published by this, because its owner had decided that and died
     * @return false if something stays until {@code exists} can tell
     */
    boolean recover(Predicate<VmId> exists, Consumer<Snapshot> published);

    /** Lets go of what was made for reading. */
    @Override
    void close();
}
