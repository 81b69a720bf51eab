package org.flatsnap.linux.zfs;

import static java.util.stream.Collectors.joining;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.flatsnap.linux.ProgramTimeoutException;
import org.flatsnap.linux.Programs;

/**
 * All invocations of the programs {@code zfs} and {@code zpool}, for what libzfs_core 2.1 cannot do: read and set properties,
 * list, and whatever mounts. Sizes are bytes, times seconds since 1970.
 *
 * <p>Every method throws a {@link ZfsException}: with the errno that the program's words stand for, ETIMEDOUT if it did not end
 * in time and was killed, else with errno 0 and the program's own words. Immutable; may be used by several threads.
 */
public final class ZfsPrograms {
    /** Words of libzfs_error_description() and zfs_main.c, 2.1 to 2.3, and what they mean. */
    private record Words(String text, ZfsErrno errno, String remedy) {
        Words(String text, ZfsErrno errno) {
            this(text, errno, errno.diagnosis().remedy());
        }
    }

    /** In the order to be looked for. */
    private static final List<Words> WORDS = List.of(
            new Words("modules are not loaded", ZfsErrno.ENODEV),
            new Words("does not exist", ZfsErrno.ENOENT),
            new Words("no such pool", ZfsErrno.ENOENT),
            new Words("could not find any snapshots", ZfsErrno.ENOENT),
            new Words("has dependent clones", ZfsErrno.EEXIST, "Destroy the clones first"),
            new Words("already exists", ZfsErrno.EEXIST),
            new Words("dataset exists", ZfsErrno.EEXIST),
            new Words("already mounted", ZfsErrno.EBUSY, "Unmount it first, if it shall be mounted elsewhere"),
            new Words("busy", ZfsErrno.EBUSY),
            new Words("out of space", ZfsErrno.ENOSPC),
            new Words("greater than available space", ZfsErrno.ENOSPC),
            new Words("read-only property", ZfsErrno.EINVAL),
            new Words("is read-only", ZfsErrno.EROFS),
            new Words("too long", ZfsErrno.ENAMETOOLONG),
            new Words("same pool", ZfsErrno.EXDEV),
            new Words("crosses datasets or pools", ZfsErrno.EXDEV),
            new Words("I/O error", ZfsErrno.EIO),
            new Words("ermission denied", ZfsErrno.EPERM),
            new Words("not currently mounted", ZfsErrno.EINVAL, "Mount it first"),
            new Words("not applicable", ZfsErrno.EINVAL),
            new Words("invalid", ZfsErrno.EINVAL),
            new Words("property", ZfsErrno.EINVAL),
            new Words("must be", ZfsErrno.EINVAL));

    private final String zfs;
    private final String zpool;
    private final Duration limit;

    /**
     * @param limit how long each call may take
     */
    public ZfsPrograms(Duration limit) {
        this("zfs", "zpool", limit);
    }

    ZfsPrograms(String zfs, String zpool, Duration limit) {
        this.zfs = zfs;
        this.zpool = zpool;
        this.limit = limit;
    }

    /**
     * The imported pools.
     *
     * @return by name, in the order of {@code zpool list}
     */
    public List<Pool> pools() throws ZfsException {
        String output =
                run("all pools", List.of(zpool, "list", "-H", "-p", "-o", "name,guid,size,allocated,free,health"));
        return output.lines().map(Pool::parse).toList();
    }

    /**
     * Properties of one dataset or snapshot.
     *
     * @param names native or user properties, all if none is given
     * @return by name, without those it does not have
     * @throws ZfsException ENOENT, EINVAL (no such property)
     */
    public Map<String, Property> properties(ZfsName dataset, String... names) throws ZfsException {
        for (String name : names) {
            PropertyRules.requireName("zfs get", dataset, name);
        }
        String wanted = names.length == 0 ? "all" : String.join(",", names);
        Map<String, Property> found = new LinkedHashMap<>();
        PropertyLines lines = new PropertyLines((name, properties) -> found.putAll(properties));
        stream(
                dataset,
                List.of(zfs, "get", "-H", "-p", "-o", PropertyLines.COLUMNS, wanted, dataset.toString()),
                lines);
        lines.end();
        return Map.copyOf(found);
    }

    /**
     * Lists a dataset, or all below it too, while the program goes through them: datasets by name, snapshots of a dataset in
     * the order they were made.
     *
     * @param types what to list, one at least
     * @param recursive whether to go on below {@code root}; if not, its own snapshots are listed all the same
     * @param properties native or user properties that the records shall have
     * @param sink gets each record, in a thread that is not the caller's; what it throws ends the listing and is thrown here
     * @throws ZfsException ENOENT, EINVAL (no such property)
     */
    public void list(
            DatasetName root,
            Set<DatasetType> types,
            boolean recursive,
            List<String> properties,
            Consumer<DatasetRecord> sink)
            throws ZfsException {
        Set<String> wanted = new LinkedHashSet<>(List.of("type", "guid"));
        for (String property : properties) {
            PropertyRules.requireName("zfs get", root, property);
            wanted.add(property);
        }
        List<String> command = new ArrayList<>(List.of(
                zfs,
                "get",
                "-H",
                "-p",
                "-t",
                types.stream().map(DatasetType::word).collect(joining(","))));
        if (recursive) {
            command.add("-r");
        } else {
            // Snapshots count as one level down, and so do file systems and volumes below, which are left out here.
            command.addAll(List.of("-d", types.contains(DatasetType.SNAPSHOT) ? "1" : "0"));
        }
        command.addAll(List.of("-o", PropertyLines.COLUMNS, String.join(",", wanted), root.toString()));
        PropertyLines lines = new PropertyLines((name, found) -> {
            ZfsName listed = ZfsName.parse(name);
            if (recursive || dataset(listed).equals(root)) {
                sink.accept(recordOf(listed, found, properties));
            }
        });
        stream(root, command, lines);
        lines.end();
    }

    private static DatasetName dataset(ZfsName name) {
        return name instanceof SnapshotName snapshot ? snapshot.dataset() : (DatasetName) name;
    }

    private static DatasetRecord recordOf(ZfsName name, Map<String, Property> found, List<String> wanted) {
        Map<String, Property> properties = new HashMap<>(found);
        properties.keySet().retainAll(new HashSet<>(wanted));
        return new DatasetRecord(
                name,
                DatasetType.of(found.get("type").value()),
                Long.parseUnsignedLong(found.get("guid").value()),
                properties);
    }

    /**
     * Sets properties, which are local then; on snapshots only user properties. Several are set by one call, but if ZFS does
     * not take one of them, others may be set.
     *
     * @param properties one at least; values below 8 KiB
     * @throws ZfsException ENOENT, EINVAL, E2BIG, ENOSPC (more reserved than is free)
     */
    public void setProperties(ZfsName dataset, Map<String, String> properties) throws ZfsException {
        PropertyRules.requireAny("zfs set", dataset, properties);
        List<String> command = new ArrayList<>(List.of(zfs, "set"));
        properties.forEach((name, value) -> command.add(name + "=" + value));
        command.add(dataset.toString());
        run(dataset, command);
    }

    /**
     * Removes a local property, so that the value of the dataset above or the default applies.
     *
     * @throws ZfsException ENOENT, EINVAL (cannot be inherited); it is no error if the property is not set
     */
    public void inherit(ZfsName dataset, String property) throws ZfsException {
        PropertyRules.requireName("zfs inherit", dataset, property);
        run(dataset, List.of(zfs, "inherit", property, dataset.toString()));
    }

    /**
     * What destroying these snapshots together would free. Nothing is changed. What was written in the last seconds counts only
     * after {@link ZfsCore#sync}.
     *
     * @param snapshots of any number of datasets; the names of those of one dataset must fit in 128 KiB
     * @return bytes
     * @throws ZfsException ENOENT, EEXIST (clones)
     */
    public long destroyDryRun(List<SnapshotName> snapshots) throws ZfsException {
        Map<DatasetName, List<SnapshotName>> byDataset = new LinkedHashMap<>();
        for (SnapshotName snapshot : snapshots) {
            byDataset
                    .computeIfAbsent(snapshot.dataset(), dataset -> new ArrayList<>())
                    .add(snapshot);
        }
        long bytes = 0;
        for (Map.Entry<DatasetName, List<SnapshotName>> own : byDataset.entrySet()) {
            bytes += destroyDryRun(own.getKey(), own.getValue());
        }
        return bytes;
    }

    private long destroyDryRun(DatasetName dataset, List<SnapshotName> snapshots) throws ZfsException {
        String names = snapshots.stream().map(SnapshotName::name).collect(joining(","));
        String output = run(dataset, List.of(zfs, "destroy", "-n", "-v", "-p", dataset + "@" + names));
        Set<String> missing = new LinkedHashSet<>();
        snapshots.forEach(snapshot -> missing.add(snapshot.toString()));
        long bytes = 0;
        for (String line : output.lines().toList()) {
            String[] fields = line.split("\t", 2);
            if (fields[0].equals("destroy")) {
                missing.remove(fields[1]);
            } else if (fields[0].equals("reclaim")) {
                bytes = Long.parseUnsignedLong(fields[1]);
            }
        }
        if (!missing.isEmpty()) {
            throw ZfsException.of(
                    "zfs destroy -n",
                    String.join(", ", missing),
                    ZfsErrno.ENOENT.number(),
                    ZfsErrno.ENOENT.diagnosis());
        }
        return bytes;
    }

    /**
     * Makes a file system and mounts it.
     *
     * @param properties local ones of it
     * @throws ZfsException EEXIST, ENOENT (the dataset above), EINVAL, ENOSPC
     */
    public void createFileSystem(DatasetName dataset, Map<String, String> properties) throws ZfsException {
        PropertyRules.requireAny("zfs create", dataset, properties);
        List<String> command = new ArrayList<>(List.of(zfs, "create"));
        properties.forEach((name, value) -> command.addAll(List.of("-o", name + "=" + value)));
        command.add(dataset.toString());
        run(dataset, command);
    }

    /**
     * Makes a volume for which nothing is reserved. Its device appears a little later, see {@link ZvolDevices#await}.
     *
     * @param bytes its size, a multiple of its block size, which is a power of two
     * @throws ZfsException EEXIST, ENOENT (the dataset above), EINVAL, ENOSPC
     */
    public void createVolume(DatasetName volume, long bytes) throws ZfsException {
        run(volume, List.of(zfs, "create", "-s", "-V", Long.toString(bytes), volume.toString()));
    }

    /**
     * Renames a dataset; what is mounted of it is unmounted before and mounted again after, with the places that follow from
     * the new name. Volumes are renamed as with {@link ZfsCore#rename}.
     *
     * @throws ZfsException EBUSY (files open), EEXIST, ENOENT, EXDEV
     */
    public void renameDataset(DatasetName dataset, DatasetName target) throws ZfsException {
        run(dataset, List.of(zfs, "rename", dataset.toString(), target.toString()));
    }

    /**
     * Mounts a file system where its property {@code mountpoint} says.
     *
     * @throws ZfsException EBUSY (mounted already), ENOENT, EINVAL (a volume, or no mountpoint)
     */
    public void mount(DatasetName dataset) throws ZfsException {
        run(dataset, List.of(zfs, "mount", dataset.toString()));
    }

    /**
     * Unmounts a file system.
     *
     * @throws ZfsException EBUSY (files open), ENOENT, EINVAL (not mounted)
     */
    public void unmount(DatasetName dataset) throws ZfsException {
        run(dataset, List.of(zfs, "unmount", dataset.toString()));
    }

    private String run(Object subject, List<String> command) throws ZfsException {
        return require(subject, command, () -> Programs.run(command, limit));
    }

    private void stream(Object subject, List<String> command, Consumer<String> line) throws ZfsException {
        require(subject, command, () -> Programs.run(command, limit, line));
    }

    private interface Running {
        Programs.Ended run() throws IOException;
    }

    private static String require(Object subject, List<String> command, Running running) throws ZfsException {
        String call = command.get(0) + " " + command.get(1);
        Programs.Ended ended;
        try {
            ended = running.run();
        } catch (ProgramTimeoutException e) {
            ZfsErrno errno = ZfsErrno.ETIMEDOUT;
            throw ZfsException.of(call, subject, errno.number(), errno.diagnosis(), e);
        } catch (NoSuchFileException e) {
            throw ZfsException.of(
                    call,
                    subject,
                    ZfsErrno.ENODEV.number(),
                    new Diagnosis("the program is missing: " + e.getReason(), "Install zfsutils-linux"),
                    e);
        } catch (IOException e) {
            throw ZfsException.of(call, subject, 0, new Diagnosis(String.valueOf(e.getMessage()), "Try again"), e);
        }
        if (ended.exitCode() != 0) {
            throw refusal(call, subject, ended);
        }
        return ended.output();
    }

    private static ZfsException refusal(String call, Object subject, Programs.Ended ended) {
        String complaint = ended.errors()
                .lines()
                .takeWhile(line -> !line.startsWith("usage:"))
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .collect(joining("; "));
        String why = complaint.isEmpty() ? "it ended with exit code " + ended.exitCode() : withoutStop(complaint);
        for (Words words : WORDS) {
            if (complaint.contains(words.text())) {
                return ZfsException.of(call, subject, words.errno().number(), new Diagnosis(why, words.remedy()));
            }
        }
        return ZfsException.of(call, subject, 0, new Diagnosis(why, "See zpool status and zfs get all"));
    }

    private static String withoutStop(String sentence) {
        return sentence.endsWith(".") ? sentence.substring(0, sentence.length() - 1) : sentence;
    }
}
