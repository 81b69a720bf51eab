package org.flatsnap.model;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * All chosen disks of one VM at one moment, with everything known about them. This is what {@code snapshot.json} holds.
 *
 * @param id identity, unique for ever
 * @param vm the VM's identity at its manager
 * @param vmName the VM's display name when the snapshot was taken
 * @param name unique within the VM
 * @param takenAt the moment the disks show
 * @param labels what people say about it
 * @param guard present if flatsnap took it before a dangerous step
 * @param foreign present if somebody else took it; it has no definition
 * @param quiescence how the moment was reached
 * @param home the store whose copy of this record counts; disks may lie on others too
 * @param disks the images, in the order of the VM's definition; never empty
 * @param firmware the absolute path of the VM's NVRAM file if it was saved beside the definition
 * @param operation the request that made it
 */
public record Snapshot(
        SnapshotId id,
        VmId vm,
        VmName vmName,
        SnapshotName name,
        Instant takenAt,
        Labels labels,
        Optional<Guard> guard,
        Optional<Foreign> foreign,
        Quiescence quiescence,
        StoreId home,
        List<DiskImage> disks,
        Optional<String> firmware,
        OperationId operation) {

    /** The file beside the images that holds the VM's definition. */
    public static final String DEFINITION_FILE = "domain.xml";

    /** The file beside the images that holds the VM's NVRAM. */
    public static final String FIRMWARE_FILE = "nvram.fd";

    /** The file beside the images of a guard that is there as long as the step it guards against has not been decided. */
    public static final String UNDECIDED_FILE = "undecided";

    /**
     * Why a guard snapshot was taken and how long it stays.
     *
     * @param before the step it guards against, for people: "rollback to s1"
     * @param partial whether that step was about these disks alone and left the definition as it was
     * @param expiresAt when it may be freed, unless it is held
     */
    public record Guard(String before, boolean partial, Instant expiresAt) {
        /** Checks that nothing is missing. */
        public Guard {
            requireNonNull(before, "before");
            requireNonNull(expiresAt, "expiresAt");
        }
    }

    /**
     * A snapshot that flatsnap did not take: Proxmox VE did, or sanoid, or a person.
     *
     * @param name what its maker calls it on storage
     * @param adopted whether flatsnap was told to take it over; until then it can be read and is never changed
     */
    public record Foreign(String name, boolean adopted) {
        /** Checks that nothing is missing. */
        public Foreign {
            requireNonNull(name, "name");
        }
    }

    /** Checks that nothing is missing and copies the collections. */
    public Snapshot {
        requireNonNull(id, "id");
        requireNonNull(vm, "vm");
        requireNonNull(vmName, "vmName");
        requireNonNull(name, "name");
        requireNonNull(takenAt, "takenAt");
        requireNonNull(labels, "labels");
        // JSON leaves out what is empty.
        guard = requireNonNullElse(guard, Optional.empty());
        foreign = requireNonNullElse(foreign, Optional.empty());
        requireNonNull(quiescence, "quiescence");
        requireNonNull(home, "home");
        disks = List.copyOf(disks);
        firmware = requireNonNullElse(firmware, Optional.empty());
        requireNonNull(operation, "operation");
        if (disks.isEmpty()) {
            throw new IllegalArgumentException("a snapshot has at least one disk");
        }
    }

    /** The image of one disk, if the snapshot has it. */
    public Optional<DiskImage> disk(DiskName disk) {
        return disks.stream().filter(image -> image.disk().equals(disk)).findFirst();
    }

    /** The stores its images lie on, home first, each once. */
    public List<StoreId> stores() {
        return Stream.concat(Stream.of(home), disks.stream().map(DiskImage::store))
                .distinct()
                .toList();
    }

    /** The same with other labels. */
    public Snapshot with(Labels others) {
        return new Snapshot(
                id, vm, vmName, name, takenAt, others, guard, foreign, quiescence, home, disks, firmware, operation);
    }

    /** The same with further disks, taken one after the other. */
    public Snapshot extended(List<DiskImage> all, Quiescence reached) {
        return new Snapshot(
                id, vm, vmName, name, takenAt, labels, guard, foreign, reached, home, all, firmware, operation);
    }

    /** Whether it is somebody else's, to be read and not changed. */
    public boolean untouchable() {
        return foreign.filter(maker -> !maker.adopted()).isPresent();
    }

    /** The same, taken over by this request. */
    public Snapshot adopted(OperationId request) {
        Optional<Foreign> maker = foreign.map(other -> new Foreign(other.name(), true));
        return new Snapshot(
                id, vm, vmName, name, takenAt, labels, guard, maker, quiescence, home, disks, firmware, request);
    }
}
