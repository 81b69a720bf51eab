package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import org.flatsnap.linux.Host;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.VolumeName;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/** What becomes of volumes that are removed, as ZFS shows it. Needs a kernel with OpenZFS: run by packaging/engines/junit. */
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(ZfsStorage.VAULT)
class ZfsRemovalEngineTest {
    private static final VolumeName DISK = new VolumeName("vm-100-disk-0");
    private static final VolumeName OTHER = new VolumeName("vm-101-disk-0");

    private ZfsStorage storage;
    private Store store;
    private String dataset;

    @BeforeEach
    void open() throws IOException {
        storage = ZfsStorage.volumes(8 << 20);
        store = storage.place().open(Optional.empty());
        Bench.write(store.volumes().create(DISK, 8 << 20).path(), "v0");
        dataset = storage.root().child(DISK.value()).name();
    }

    @AfterEach
    void close() {
        store.close();
        storage.close();
    }

    private boolean recover() {
        return store.recover(vm -> false, published -> {});
    }

    @Test
    void whatIsInUseIsNotRemovedAndStaysAsItWas() throws IOException {
        Commands.run("zfs", "set", "refreservation=1M", dataset);
        String before = settings();
        Path path = store.volumes().path(DISK);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            StoreContract.assertProblem(Code.BUSY, "open", () -> store.volumes().remove(DISK));
            assertThat(channel.isOpen()).isTrue();
        }
        assertThat(store.volumes().list()).extracting(Volumes.Volume::name).containsExactly(DISK);
        assertThat(settings()).isEqualTo(before);
        Bench.write(path, "v1");
        store.volumes().remove(DISK);
        assertThat(store.volumes().list()).isEmpty();
        assertThat(storage.aside()).isEmpty();
    }

    private String settings() {
        return Commands.run("zfs", "get", "-H", "-s", "local", "-o", "property,value", "all", dataset);
    }

    @Test
    void snapshotsOfOthersGoWithTheVolumeAndAreNotThoseOfTheNext() throws IOException {
        Commands.run("zfs", "snapshot", dataset + "@sanoid");
        Commands.run("zfs", "snapshot", dataset + "@cloned");
        Commands.run(
                "zfs",
                "clone",
                dataset + "@cloned",
                storage.root().child("theirs").name());
        store.volumes().copy(DISK, OTHER);
        store.volumes().remove(DISK);
        Bench.write(store.volumes().create(DISK, 8 << 20).path(), "new");
        assertThat(store.foreign()).isEmpty();
        assertThat(Bench.read(store.volumes().path(OTHER))).isEqualTo("v0");
        recover();
        assertThat(ZfsStorage.list("snapshot", storage.root())).noneMatch(name -> name.endsWith("@sanoid"));
        Commands.run("zfs", "destroy", "-r", storage.root().child("theirs").name());
        store.volumes().remove(OTHER);
        recover();
        assertThat(storage.aside()).isEmpty();
        assertThat(ZfsStorage.list("snapshot", storage.root())).isEmpty();
    }

    @Test
    void aRemovalThatWasBegunIsOutOfSightAndComesToItsEnd() throws IOException {
        Commands.run(
                "zfs",
                "set",
                "org.flatsnap:live=" + storage.root().child(".flatsnap/aside/dead." + DISK),
                "org.flatsnap:owner=node-boot-dead",
                dataset);
        assertThat(store.volumes().list()).isEmpty();
        assertThat(store.volumes().find(DISK)).isEmpty();
        assertThat(recover()).isTrue();
        recover();
        assertThat(ZfsStorage.list("volume", storage.root())).isEmpty();
        storage.assertNothingStaged();
    }

    @Test
    void propertiesThatFlatsnapDidNotWriteMoveAndRemoveNothing(@TempDir Path outside) throws IOException {
        Path kept = Files.createFile(outside.resolve("kept"));
        ZfsCloneOut.Purpose forged =
                new ZfsCloneOut.Purpose("node-boot-dead", Host.name(), Snapshots.WEB01, Optional.of(kept.toString()));
        String theirs = storage.root().child(".flatsnap/aside/theirs").name();
        Commands.run("zfs", "create", "-o", "org.flatsnap:live=a//b", "-o", "org.flatsnap:last=never", theirs);
        Commands.run("zfs", "snapshot", theirs + "@sanoid");
        for (String property : new String[] {
            "owner=" + outside,
            "owner=..",
            "live=a//b",
            "reader=x",
            "clone=x",
            "clone={}",
            "clone=" + Json.COMPACT.toJson(forged)
        }) {
            String name = "org.flatsnap:" + property.substring(0, property.indexOf('='));
            Commands.run("zfs", "set", "org.flatsnap:" + property, dataset);
            assertThat(recover()).as(property).isTrue();
            assertThat(kept).as(property).exists();
            assertThat(store.foreign()).as(property).isEmpty();
            assertThat(store.volumes().list())
                    .as(property)
                    .extracting(Volumes.Volume::name)
                    .containsExactly(DISK);
            Commands.run("zfs", "inherit", name, dataset);
        }
        assertThat(Bench.read(store.volumes().path(DISK))).isEqualTo("v0");
        assertThat(storage.aside()).containsExactly(theirs);
    }
}
