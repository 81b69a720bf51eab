package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.linux.zfs.ZfsPrograms;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Snapshot;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.RunningGuest;
import org.flatsnap.testing.TestStorage;

/**
 * A store on a dataset of its own in a real pool, which stays for the next one. Those with volumes and those with file systems
 * have a pool each, on the first and on the second of {@code FLATSNAP_DISKS}, so that their tests can run at the same time.
 */
public final class ZfsStorage implements TestStorage {
    static final Duration LIMIT = Duration.ofMinutes(2);

    /** The pool of volumes, to be locked by their tests. */
    public static final String VAULT = "vault";

    /** The pool of file systems, likewise. */
    public static final String ATTIC = "attic";

    private final DatasetName root;
    private final String pool;
    private final long volumeBytes;
    private final ZfsPrograms programs = new ZfsPrograms(LIMIT);

    private ZfsStorage(long volumeBytes) {
        this.volumeBytes = volumeBytes;
        this.pool = hasVolumes() ? VAULT : ATTIC;
        if (Commands.exitCode("zpool", "list", pool) != 0) {
            String disks = System.getenv("FLATSNAP_DISKS");
            assertThat(disks).as("FLATSNAP_DISKS, disks to be overwritten").isNotNull();
            Commands.run(
                    "zpool", "create", "-f", "-O", "compression=off", pool, disks.split(" ")[hasVolumes() ? 0 : 1]);
        }
        this.root = new DatasetName(pool + "/vms" + System.nanoTime());
        Commands.run("zfs", "create", root.name());
    }

    /** Disks are volumes of that size. */
    public static ZfsStorage volumes(long bytes) {
        return new ZfsStorage(bytes);
    }

    /** Disks are raw files, each in a file system of its own. */
    public static ZfsStorage fileSystems() {
        return new ZfsStorage(0);
    }

    private boolean hasVolumes() {
        return volumeBytes > 0;
    }

    public DatasetName root() {
        return root;
    }

    @Override
    public StorePlace place() {
        return new StorePlace.Dataset(root);
    }

    @Override
    public Path base() {
        return Path.of("/var/lib/flatsnap/zfs").resolve(root.toString().replace('/', '+'));
    }

    @Override
    public Disk.Kind kind() {
        return hasVolumes() ? Disk.Kind.BLOCK : Disk.Kind.FILE;
    }

    @Override
    public Path path(String name) {
        return hasVolumes()
                ? ZvolDevices.path(root.child(name))
                : Path.of("/" + root).resolve(name).resolve("disk.raw");
    }

    @Override
    public Path newDisk(String name) throws IOException {
        if (hasVolumes()) {
            Commands.run(
                    "zfs",
                    "create",
                    "-s",
                    "-V",
                    Long.toString(volumeBytes),
                    root.child(name).name());
            return ZvolDevices.await(root.child(name), LIMIT);
        }
        Commands.run("zfs", "create", root.child(name).name());
        return Files.write(path(name), new byte[(int) diskBytes()]);
    }

    @Override
    public long diskBytes() {
        return hasVolumes() ? volumeBytes : 1 << 20;
    }

    /** By a reservation of all that is left. */
    @Override
    public AutoCloseable fill() throws IOException {
        String filler = pool + "/filler";
        Commands.run("zfs", "create", filler);
        sync();
        long available = Long.parseLong(
                programs.properties(root, "available").get("available").value());
        while (Commands.exitCode("zfs", "set", "reservation=" + available, filler) != 0) {
            assertThat(available -= 16 << 10).isPositive();
        }
        return () -> Commands.run("zfs", "destroy", filler);
    }

    @Override
    public void detach() {
        Commands.run("zpool", "export", pool);
    }

    @Override
    public void attach() {
        Commands.run("zpool", "import", pool);
    }

    @Override
    public String awayReason() {
        return "not mounted";
    }

    @Override
    public void setReadOnly(boolean readOnly) {
        detach();
        Commands.run("zpool", "import", "-o", "readonly=" + (readOnly ? "on" : "off"), pool);
    }

    @Override
    public void sync() {
        // What was destroyed before, by another test too, is freed in the background.
        RunningGuest.await(LIMIT, pool + " to free what was destroyed", () -> {
            Commands.run("zpool", "sync", pool);
            return Commands.run("zpool", "get", "-H", "-p", "-o", "value", "freeing", pool)
                    .strip()
                    .equals("0");
        });
    }

    @Override
    public boolean holds(Snapshot snapshot) {
        return !names(snapshot).isEmpty() || Files.exists(files(snapshot));
    }

    /** An image that something was cloned from, the live disk for one, goes with the last of its clones. */
    @Override
    public boolean isFreed(Snapshot snapshot) {
        List<String> names = names(snapshot);
        if (names.isEmpty()) {
            return !holds(snapshot);
        }
        List<String> command = new ArrayList<>(List.of("zfs", "get", "-H", "-o", "property,value"));
        command.add("defer_destroy,userrefs,clones");
        command.addAll(names);
        return !Files.exists(files(snapshot))
                && Commands.run(command.toArray(String[]::new))
                        .lines()
                        .allMatch(line -> line.equals("defer_destroy\ton")
                                || line.equals("userrefs\t0")
                                || line.matches("clones\t.+"));
    }

    private Path files(Snapshot snapshot) {
        return base().resolve("vms")
                .resolve(snapshot.vm().value())
                .resolve(snapshot.id().value());
    }

    private List<String> names(Snapshot snapshot) {
        return list("snapshot", root).stream()
                .filter(name -> name.endsWith("@flatsnap-" + snapshot.id()))
                .toList();
    }

    public static List<String> list(String types, DatasetName below) {
        return Commands.run("zfs", "list", "-H", "-o", "name", "-s", "createtxg", "-t", types, "-r", below.name())
                .lines()
                .toList();
    }

    /** The datasets that rollbacks set aside. */
    public List<String> aside() {
        List<String> names = list("filesystem,volume", root.child(".flatsnap/aside"));
        return names.subList(1, names.size());
    }

    @Override
    public void assertNothingStaged() throws IOException {
        for (String directory : List.of("staging", "intents")) {
            try (Stream<Path> files = Files.list(base().resolve(directory))) {
                assertThat(files).isEmpty();
            }
        }
        assertThat(Commands.run(
                                "zfs",
                                "get",
                                "-H",
                                "-r",
                                "-t",
                                "filesystem,volume",
                                "-o",
                                "name,property,value,source",
                                "volmode,org.flatsnap:reader,org.flatsnap:owner",
                                root.name())
                        .lines())
                .noneMatch(line -> line.contains("/.flatsnap/staged/") || line.contains("/.flatsnap/readers/"))
                .noneMatch(line -> line.contains("\torg.flatsnap:reader\t") && line.endsWith("\tlocal"))
                .noneMatch(line -> !line.contains("/.flatsnap/aside/")
                        && line.contains("\torg.flatsnap:owner\t")
                        && line.endsWith("\tlocal"))
                // What stands aside is for nobody who looks for partitions and volume groups.
                .noneMatch(line -> hasVolumes()
                        && line.contains("/.flatsnap/aside/")
                        && line.contains("\tvolmode\t")
                        && !line.contains("\tnone\t"));
    }

    private SnapshotName home(Snapshot snapshot) {
        return SnapshotName.parse(names(snapshot).get(0));
    }

    @Override
    public String record(Snapshot snapshot) throws IOException {
        SnapshotName home = home(snapshot);
        Map<String, Property> found =
                programs.properties(home, ZfsRecord.properties().toArray(String[]::new));
        return ZfsRecord.text(
                home, name -> found.containsKey(name) ? found.get(name).value() : null);
    }

    @Override
    public void damageRecord(Snapshot snapshot, String text) throws IOException {
        if (text == null) {
            programs.inherit(home(snapshot), ZfsRecord.properties().get(0));
        } else {
            programs.setProperties(home(snapshot), new HashMap<>(ZfsRecord.encode(text, "damage")));
        }
    }

    @Override
    public void leaveImage(Snapshot snapshot, DiskName disk, Path live) throws IOException {
        Commands.run(
                "zfs",
                "snapshot",
                "-o",
                "org.flatsnap:state=staged",
                "-o",
                "org.flatsnap:owner=node-boot-dead",
                ZvolDevices.LINKS.relativize(live) + "@flatsnap-" + snapshot.id());
    }

    @Override
    public String recordName(Snapshot snapshot) {
        return home(snapshot).toString();
    }

    @Override
    public void close() {
        Commands.run("zfs", "get", "-H", "-r", "-t", "snapshot", "-o", "name,value", "userrefs", root.name())
                .lines()
                .filter(line -> !line.endsWith("\t0"))
                .forEach(line -> Commands.run("zfs", "release", "flatsnap", line.split("\t")[0]));
        // udev may look into a device that was just written to.
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (Commands.exitCode("zfs", "destroy", "-R", root.name()) != 0) {
            if (System.nanoTime() > deadline) {
                // Fails with the reason.
                Commands.run("zfs", "destroy", "-R", root.name());
            }
        }
    }
}
