package org.flatsnap.linux.zfs;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Changes datasets and snapshots through libzfs_core: each method is one call, atomic in the kernel, on disk when it returns, and
 * does not return before, which can take seconds on a busy pool. Nothing is mounted, unmounted (but see
 * {@link #destroySnapshots}) or shared.
 *
 * <p>May be used by several threads. It has no close: libzfs_core keeps one descriptor of {@code /dev/zfs} for the process,
 * and without it a call in another thread would abort the process.
 */
public final class ZfsCore {
    /** More failures than an answer can hold are counted under this name, sys/fs/zfs.h: {@code ZPROP_N_MORE_ERRORS}. */
    private static final String MORE_FAILURES = "N_MORE_ERRORS";

    private static final int NO_CLEANUP = -1;

    private final LibZfsCore library;

    private ZfsCore(LibZfsCore library) {
        this.library = library;
    }

    /**
     * Opens {@code /dev/zfs}, once per process however often it is called.
     *
     * @throws ZfsException if library or kernel module is missing, or the caller may not use it
     */
    public static ZfsCore open() throws ZfsException {
        LibZfsCore library;
        try {
            library = LibZfsCore.load();
        } catch (UnsatisfiedLinkError e) {
            throw ZfsException.of(
                    ZfsCall.INIT.function(),
                    "libzfs_core.so.3",
                    ZfsErrno.ENOENT.number(),
                    new Diagnosis("the library of OpenZFS 2 is missing", "Install zfsutils-linux and zfs-dkms"),
                    e);
        }
        require(ZfsCall.INIT, "/dev/zfs", library.libzfs_core_init());
        return new ZfsCore(library);
    }

    /**
     * Whether there is such a dataset or snapshot.
     *
     * @throws ZfsException if that cannot be told
     */
    public boolean exists(ZfsName name) throws ZfsException {
        if (library.lzc_exists(name.toString()) != 0) {
            return true;
        }
        // lzc_exists is one ioctl and says no to whatever went wrong; the errno is still that of the ioctl.
        int errno = Native.getLastError();
        if (errno == ZfsErrno.ENOENT.number()) {
            return false;
        }
        throw ZfsException.of(ZfsCall.EXISTS, name, errno);
    }

    /**
     * Takes all snapshots at one moment, or none.
     *
     * @param snapshots one at least, of different datasets of one pool
     * @param userProperties set on each of them; names with a colon, values below 8 KiB
     * @throws ZfsException EEXIST, ENOENT, EXDEV (several pools), ENOSPC, EDQUOT (snapshot_limit, which does not bind root),
     *     E2BIG, EROFS, ENOTSUP (user properties on a pool before version 12)
     */
    public void snapshot(List<SnapshotName> snapshots, Map<String, String> userProperties) throws ZfsException {
        String pool = onePool(ZfsCall.SNAPSHOT, snapshots);
        PropertyRules.requireUser(ZfsCall.SNAPSHOT.function(), pool, userProperties);
        if (new HashSet<>(snapshots).size() < snapshots.size()) {
            throw new IllegalArgumentException("a snapshot is named twice: " + snapshots);
        }
        try (NameValueList names = flags(snapshots);
                NameValueList properties = strings(userProperties)) {
            PointerByReference failures = new PointerByReference();
            int errno = library.lzc_snapshot(names.pointer(), properties.pointer(), failures);
            require(ZfsCall.SNAPSHOT, pool, errno, failures(failures));
        }
    }

    /**
     * Makes a dataset with the content of a snapshot. It has none of the origin's own properties. A file system is not
     * mounted; a volume's device appears a little later, see {@link ZvolDevices#await}.
     *
     * <p>Other properties are for {@link ZfsPrograms#setProperties}: ZFS would set them here too, but when it does not take one,
     * it leaves a volume's clone behind that udev has opened meanwhile.
     *
     * @param target in the same pool, below a file system that exists (2.1 does not refuse a place below a volume)
     * @param userProperties local ones of the clone; names with a colon, values below 8 KiB
     * @throws ZfsException EEXIST, ENOENT (origin or what lies above the target), EXDEV, ENOSPC, EDQUOT, ENAMETOOLONG
     */
    public void clone(SnapshotName origin, DatasetName target, Map<String, String> userProperties) throws ZfsException {
        PropertyRules.requireUser(ZfsCall.CLONE.function(), target, userProperties);
        try (NameValueList properties = strings(userProperties)) {
            int errno = library.lzc_clone(target.toString(), origin.toString(), properties.pointer());
            require(ZfsCall.CLONE, target, errno);
        }
    }

    /**
     * Makes a clone the owner of its origin and of the snapshots before it; what it was cloned from becomes its clone.
     *
     * @throws ZfsException EEXIST if a snapshot's name is taken, which {@link ZfsException#failures()} tells; EBUSY if a
     *     snapshot of the origin is open; EINVAL if it is no clone
     */
    public void promote(DatasetName dataset) throws ZfsException {
        try (Memory conflict = new Memory(DatasetName.LENGTH_LIMIT + 1L)) {
            conflict.clear();
            int errno = library.lzc_promote(dataset.toString(), conflict, (int) conflict.size());
            String name = conflict.getString(0, StandardCharsets.UTF_8.name());
            if (errno == ZfsErrno.EEXIST.number() && !name.isEmpty()) {
                // The kernel gives the part after the at sign.
                String snapshot = name.substring(name.indexOf('@') + 1);
                throw ZfsException.of(
                        ZfsCall.PROMOTE,
                        dataset,
                        errno,
                        List.of(new ZfsException.Failure(dataset + "@" + snapshot, errno)));
            }
            require(ZfsCall.PROMOTE, dataset, errno);
        }
    }

    /**
     * Renames a dataset with all below it. A volume may be open: who has it open goes on with it under its new name. A file
     * system that is mounted stays mounted where it was, for those see {@link ZfsPrograms#renameDataset}.
     *
     * @param target in the same pool, below a dataset that exists
     * @throws ZfsException EEXIST, ENOENT, EXDEV, EINVAL (below itself), ENAMETOOLONG (with its snapshots' names),
     *     ZFS_ERR_WRONG_PARENT (below a volume)
     */
    public void rename(DatasetName dataset, DatasetName target) throws ZfsException {
        require(ZfsCall.RENAME, dataset + " to " + target, library.lzc_rename(dataset.toString(), target.toString()));
    }

    /**
     * Renames a snapshot. It may be open or held; below {@code .zfs} it is unmounted first.
     *
     * @param name the part after the at sign
     * @throws ZfsException EEXIST, ENOENT, ENAMETOOLONG
     */
    public void rename(SnapshotName snapshot, String name) throws ZfsException {
        SnapshotName target = snapshot.dataset().snapshot(name);
        require(ZfsCall.RENAME, snapshot + " to " + target, library.lzc_rename(snapshot.toString(), target.toString()));
    }

    /**
     * Destroys a dataset that has no snapshots and no datasets below it, and is neither open nor mounted. A volume is busy for
     * a moment also after it appeared or a writer closed it, while udev looks what is on it: try again then.
     *
     * @throws ZfsException EBUSY (open, mounted or with snapshots), EEXIST (datasets below), ENOENT
     */
    public void destroy(DatasetName dataset) throws ZfsException {
        require(ZfsCall.DESTROY, dataset, library.lzc_destroy(dataset.toString()));
    }

    /**
     * Destroys all of the snapshots or none; those that do not exist count as destroyed. Below {@code .zfs} they are unmounted
     * first.
     *
     * @param snapshots of one pool, one at least
     * @param deferred a snapshot with holds or clones is marked instead and goes with the last of them; until then it can be
     *     read and its name stays taken
     * @throws ZfsException EEXIST (clones) and EBUSY (holds), neither if deferred; EBUSY too if it is open; EXDEV
     */
    public void destroySnapshots(List<SnapshotName> snapshots, boolean deferred) throws ZfsException {
        String pool = onePool(ZfsCall.DESTROY_SNAPSHOTS, snapshots);
        try (NameValueList names = flags(snapshots)) {
            PointerByReference failures = new PointerByReference();
            int errno = library.lzc_destroy_snaps(names.pointer(), deferred ? 1 : 0, failures);
            require(ZfsCall.DESTROY_SNAPSHOTS, pool, errno, failures(failures));
        }
    }

    /**
     * Holds snapshots until they are released, over reboots too: all of them or, if one fails, none.
     *
     * @param tags a tag for each snapshot; snapshots of one pool, one at least
     * @throws ZfsException EEXIST (held with that tag), ENOENT, E2BIG (tag too long)
     */
    public void hold(Map<SnapshotName, String> tags) throws ZfsException {
        String pool = onePool(ZfsCall.HOLD, tags.keySet());
        try (NameValueList holds = NameValueList.empty()) {
            tags.forEach((snapshot, tag) -> holds.addString(snapshot.toString(), tag));
            PointerByReference answer = new PointerByReference();
            int errno = library.lzc_hold(holds.pointer(), NO_CLEANUP, answer);
            List<ZfsException.Failure> failures = failures(answer);
            if (errno == 0 && !failures.isEmpty()) {
                // ZFS holds the others when some do not exist.
                ZfsException missing =
                        ZfsException.of(ZfsCall.HOLD, pool, failures.get(0).errno(), failures);
                releaseAfter(missing, tags);
                throw missing;
            }
            require(ZfsCall.HOLD, pool, errno, failures);
        }
    }

    private void releaseAfter(ZfsException missing, Map<SnapshotName, String> tags) {
        Map<SnapshotName, String> taken = new LinkedHashMap<>(tags);
        for (ZfsException.Failure failure : missing.failures()) {
            taken.remove(SnapshotName.parse(failure.name()));
        }
        if (!taken.isEmpty()) {
            try {
                release(taken);
            } catch (ZfsException e) {
                missing.addSuppressed(e);
            }
        }
    }

    /**
     * Releases holds. A snapshot marked for deferred destruction goes with its last one.
     *
     * @param tags a tag for each snapshot; snapshots of one pool, one at least
     * @throws ZfsException ENOENT if some were not held, which {@link ZfsException#failures()} tells; the others were released;
     *     EBUSY if a snapshot that would go is open; then none was released
     */
    public void release(Map<SnapshotName, String> tags) throws ZfsException {
        String pool = onePool(ZfsCall.RELEASE, tags.keySet());
        try (NameValueList holds = NameValueList.empty()) {
            for (Map.Entry<SnapshotName, String> held : tags.entrySet()) {
                try (NameValueList tag = NameValueList.empty().addFlag(held.getValue())) {
                    holds.addList(held.getKey().toString(), tag);
                }
            }
            PointerByReference answer = new PointerByReference();
            int errno = library.lzc_release(holds.pointer(), answer);
            List<ZfsException.Failure> failures = failures(answer);
            if (errno == 0 && !failures.isEmpty()) {
                throw ZfsException.of(ZfsCall.RELEASE, pool, failures.get(0).errno(), failures);
            }
            require(ZfsCall.RELEASE, pool, errno, failures);
        }
    }

    /**
     * The holds of a snapshot.
     *
     * @return when each was made, to the second, by tag
     * @throws ZfsException ENOENT
     */
    public Map<String, Instant> holds(SnapshotName snapshot) throws ZfsException {
        PointerByReference answer = new PointerByReference();
        int errno = library.lzc_get_holds(snapshot.toString(), answer);
        Map<String, Object> content = NameValueList.take(answer);
        require(ZfsCall.HOLDS, snapshot, errno);
        Map<String, Instant> holds = new LinkedHashMap<>();
        content.forEach((tag, seconds) -> holds.put(tag, Instant.ofEpochSecond((Long) seconds)));
        return Map.copyOf(holds);
    }

    /**
     * What destroying a run of snapshots would free: all from the first to the last one of a dataset, both included. What was
     * written in the last seconds counts only after {@link #sync}.
     *
     * @return bytes, as {@code zfs destroy -nv dataset@first%last} would say
     * @throws ZfsException ENOENT; EINVAL if they are not in this order in one dataset
     */
    public long snapshotRangeSpace(SnapshotName first, SnapshotName last) throws ZfsException {
        LongByReference bytes = new LongByReference();
        int errno = library.lzc_snaprange_space(first.toString(), last.toString(), bytes);
        require(ZfsCall.RANGE_SPACE, first + " to " + last, errno);
        return bytes.getValue();
    }

    /**
     * Waits until all that was changed in a pool before is on its devices, and in its figures: sizes and space are those of the
     * last transaction group, which can be 5 seconds old.
     *
     * @param inPool any name in the pool
     * @throws ZfsException ENOENT, EAGAIN (pool suspended)
     */
    public void sync(ZfsName inPool) throws ZfsException {
        try (NameValueList arguments = NameValueList.empty().addBoolean("force", false)) {
            int errno = library.lzc_sync(inPool.pool(), arguments.pointer(), null);
            require(ZfsCall.SYNC, inPool.pool(), errno);
        }
    }

    private static String onePool(ZfsCall call, Collection<SnapshotName> snapshots) throws ZfsException {
        Set<String> pools = new HashSet<>();
        for (SnapshotName snapshot : snapshots) {
            pools.add(snapshot.pool());
        }
        if (pools.isEmpty()) {
            throw new IllegalArgumentException(call.function() + " needs one snapshot at least");
        }
        if (pools.size() > 1) {
            // The kernel says the same, but not in every call before it has begun.
            throw ZfsException.of(call, pools, ZfsErrno.EXDEV.number());
        }
        return pools.iterator().next();
    }

    private static NameValueList flags(List<SnapshotName> snapshots) {
        NameValueList list = NameValueList.empty();
        for (SnapshotName snapshot : snapshots) {
            list.addFlag(snapshot.toString());
        }
        return list;
    }

    private static NameValueList strings(Map<String, String> texts) {
        NameValueList list = NameValueList.empty();
        texts.forEach(list::addString);
        return list;
    }

    /** Reads and frees the list of failures that a call left. */
    private static List<ZfsException.Failure> failures(PointerByReference answer) {
        List<ZfsException.Failure> failures = new ArrayList<>();
        NameValueList.take(answer).forEach((name, errno) -> {
            if (!name.equals(MORE_FAILURES)) {
                failures.add(new ZfsException.Failure(name, (Integer) errno));
            }
        });
        return failures;
    }

    private static void require(ZfsCall call, Object subject, int errno) throws ZfsException {
        if (errno != 0) {
            throw ZfsException.of(call, subject, errno);
        }
    }

    private static void require(ZfsCall call, Object subject, int errno, List<ZfsException.Failure> failures)
            throws ZfsException {
        if (errno != 0 && !failures.isEmpty()) {
            throw ZfsException.of(call, subject, errno, failures);
        }
        require(call, subject, errno);
    }
}
