package org.flatsnap.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Snapshot;
import org.flatsnap.store.StorePlace;

/** A store in the root of a file system that clones files. */
public final class ReflinkStorage implements TestStorage {
    private final LoopFileSystem fileSystem;
    private final boolean copyOnWrite;
    private final boolean freesPartsOfExtents;

    private ReflinkStorage(LoopFileSystem fileSystem, boolean copyOnWrite, boolean freesPartsOfExtents) {
        this.fileSystem = fileSystem;
        this.copyOnWrite = copyOnWrite;
        this.freesPartsOfExtents = freesPartsOfExtents;
    }

    /** XFS. */
    public static TestStorage xfs() {
        return new ReflinkStorage(LoopFileSystem.smallXfs(), true, true);
    }

    /** btrfs. */
    public static TestStorage btrfs() {
        return new ReflinkStorage(LoopFileSystem.btrfs(), true, false);
    }

    /** btrfs with copy-on-write switched off for disks, as libvirt's storage pools do it. */
    public static TestStorage btrfsNocow() {
        return new ReflinkStorage(LoopFileSystem.btrfs(), false, false);
    }

    /** OCFS2 of one host. */
    public static TestStorage ocfs2(String clusterSize) {
        return new ReflinkStorage(LoopFileSystem.ocfs2(clusterSize), true, true);
    }

    @Override
    public StorePlace place() {
        return new StorePlace.Directory(fileSystem.root());
    }

    @Override
    public Path base() {
        return fileSystem.root().resolve(".flatsnap");
    }

    @Override
    public Disk.Kind kind() {
        return Disk.Kind.FILE;
    }

    @Override
    public Path path(String name) {
        return fileSystem.root().resolve(name + ".raw");
    }

    @Override
    public Path newDisk(String name) throws IOException {
        Path disk = Files.createFile(path(name));
        if (!copyOnWrite) {
            Commands.run("chattr", "+C", disk.toString());
        }
        Files.write(disk, new byte[(int) diskBytes()]);
        return disk;
    }

    @Override
    public long diskBytes() {
        return 1 << 20;
    }

    @Override
    public AutoCloseable fill() throws IOException {
        Path filler = fileSystem.fill();
        return () -> Files.delete(filler);
    }

    @Override
    public void detach() {
        fileSystem.unmount();
        assertThat(fileSystem.root()).isEmptyDirectory();
    }

    @Override
    public void attach() {
        assertThat(fileSystem.root()).isEmptyDirectory();
        fileSystem.mount();
    }

    @Override
    public String awayReason() {
        return "not mounted";
    }

    @Override
    public void setReadOnly(boolean readOnly) {
        fileSystem.remount(readOnly ? "ro" : "rw");
    }

    @Override
    public void sync() {
        Commands.run("sync", "-f", fileSystem.root().toString());
    }

    @Override
    public boolean freesPartsOfExtents() {
        return freesPartsOfExtents;
    }

    @Override
    public boolean holds(Snapshot snapshot) {
        Path vm = base().resolve("vms").resolve(snapshot.vm().value());
        return Stream.of(vm, vm.resolve(".deleted"))
                .anyMatch(directory ->
                        Files.exists(directory.resolve(snapshot.id().value())));
    }

    @Override
    public void assertNothingStaged() throws IOException {
        for (String directory : List.of("staging", "intents")) {
            try (Stream<Path> files = Files.list(base().resolve(directory))) {
                assertThat(files).isEmpty();
            }
        }
    }

    private Path file(Snapshot snapshot) {
        return base().resolve("vms")
                .resolve(snapshot.vm().value())
                .resolve(snapshot.id().value())
                .resolve("snapshot.json");
    }

    @Override
    public String record(Snapshot snapshot) throws IOException {
        return Files.readString(file(snapshot));
    }

    @Override
    public void damageRecord(Snapshot snapshot, String text) throws IOException {
        if (text == null) {
            Files.delete(file(snapshot));
        } else {
            Files.writeString(file(snapshot), text);
        }
    }

    @Override
    public void leaveImage(Snapshot snapshot, DiskName disk, Path live) throws IOException {
        Files.writeString(file(snapshot).resolveSibling("disks").resolve(disk + ".raw"), "left");
    }

    @Override
    public String recordName(Snapshot snapshot) {
        return file(snapshot).toString();
    }

    @Override
    public void close() {
        fileSystem.close();
    }
}
