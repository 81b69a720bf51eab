package org.flatsnap.store;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;

/**
 * A file system on which disks lie and snapshots of them can stand.
 *
 * <p>Every method throws {@link Problem} with cause and remedy when storage fails. Methods may be called by several
 * threads; those that change something about a VM want its {@link #lock} held by the caller.
 */
public interface Store {
    /** Identity, unchanged when the store is mounted elsewhere. */
    StoreId id();

    /** The directory the administrator configured, without symbolic links. */
    Path root();

    /** What the file system can and has. */
    StoreStatus status();

    /** Whether clones of this file can be made and swapped in: absolute path without symbolic links, existing or not. */
    boolean covers(Path disk);

    /**
     * Excludes everybody else, on this and on other nodes, from changing anything about the VM on this store.
     *
     * @param patience how long to wait; after it a {@link Problem} with code BUSY
     */
    VmLock lock(VmId vm, Duration patience);

    /** Begins a snapshot; nothing is visible until it is published. */
    Capture capture(OperationId operation, VmId vm, SnapshotId id, List<DiskSource> disks);

    /**
     * Reads every published snapshot, in no order, while the stream is consumed; close it.
     *
     * @param damaged told of each one that cannot be read; it is left where it is
     */
    Stream<Snapshot> scan(Consumer<Problem> damaged);

    /** The ids of every published snapshot and their VMs, without reading them. */
    Map<SnapshotId, VmId> published();

    /** Reads one, if it is published here. */
    Optional<Snapshot> read(VmId vm, SnapshotId id);

    /** Replaces what is known about a published snapshot, atomically and durably. */
    void replace(Snapshot snapshot);

    /** Makes a published snapshot invisible for good, in one atomic and durable step. Absent is fine. */
    void unpublish(VmId vm, SnapshotId id);

    /** Frees the room of an unpublished snapshot; {@link #recover} does it for one that was left. Absent is fine. */
    void free(VmId vm, SnapshotId id);

    /** The complete raw image of one disk, readable, never to be written. */
    Path image(VmId vm, SnapshotId id, DiskName disk);

    /** A file saved beside the images: {@code snapshot.json}, {@code domain.xml}, {@code nvram.fd}. */
    Path savedFile(VmId vm, SnapshotId id, String fileName);

    /**
     * What each published snapshot alone keeps from being free, in bytes. May take seconds. On btrfs the most it can be: an
     * extent that was written as one is freed there as one, when the last part of it is unused.
     */
    Map<SnapshotId, Long> exclusiveBytes();

    /** What deleting all of these together would free, in bytes; unknown ones count nothing. As exact as {@link #exclusiveBytes}. */
    long freedByDeleting(Set<SnapshotId> snapshots);

    /**
     * Clones images into staging with the owner, mode and label of the live disks, durable and ready to be swapped in.
     *
     * @param guarded what the live files were like when their guard was taken
     */
    Staged stage(OperationId operation, Snapshot snapshot, List<DiskImage> images, Map<DiskName, FileStamp> guarded);

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

    /**
     * Puts a staged disk in the live one's place, durably. Done before is fine; a live file that is not what the guard holds is
     * refused.
     */
    void swap(Intent.Swap swap);

    /** Lifts this intent and removes what was staged for it. Absent is fine, another one of the VM stays. */
    void lift(Intent intent);

    /**
     * Clones images to new files, none of which may exist.
     *
     * @param domain the new VM, so that recovery can tell whether the files belong to something
     */
    CloneOut cloneOut(OperationId operation, Snapshot snapshot, VmId domain, List<Target> targets);

    /** A disk of a snapshot and the new file it is cloned to. */
    record Target(DiskName disk, Path file) {}

    /**
     * Removes staging whose owner is gone and frees what was unpublished and not yet freed. Staging of an intent that stands stays.
     *
     * @param exists whether a VM is defined: new files cloned for one that is not are removed
     * @return false if something stays until {@code exists} can tell
     */
    boolean recover(Predicate<VmId> exists);
}
