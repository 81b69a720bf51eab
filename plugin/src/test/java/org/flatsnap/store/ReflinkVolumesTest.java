package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.flatsnap.model.VolumeName;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.ReflinkStorage;
import org.flatsnap.testing.TestStorage;
import org.junit.jupiter.api.Test;

/** What volumes of a reflink store look like to others; the rest is in {@link StoreContract}. */
class ReflinkVolumesTest {
    private static final VolumeName DISK = new VolumeName("vm-100-disk-0");
    private static final VolumeName OTHER = new VolumeName("vm-101-disk-1");

    private interface Use {
        void of(TestStorage storage, Store store, Path root) throws IOException;
    }

    private static void on(TestStorage made, Use use) throws IOException {
        try (TestStorage storage = made;
                Store store = storage.place().open(Optional.empty())) {
            use.of(storage, store, Path.of(storage.place().toString()));
        }
    }

    @Test
    void filesLieWhereProxmoxHasThemAndAreItsOwn() throws IOException {
        on(ReflinkStorage.xfs(), (storage, store, root) -> {
            Path file = store.volumes().create(DISK, 1 << 20).path();
            assertThat(file).isEqualTo(root.resolve("images/100/vm-100-disk-0.raw"));
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-r-----");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent())))
                    .isEqualTo("rwxr-xr-x");
            assertThat(store.volumes().copy(DISK, OTHER).path())
                    .satisfies(copy -> assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(copy)))
                            .isEqualTo("rw-r-----"));

            for (String name : new String[] {"vm-101-disk-0.raw", "vm-100-disk-1.qcow2", "notes.txt"}) {
                Files.createFile(file.resolveSibling(name));
            }
            Files.createDirectory(file.resolveSibling("vm-100-disk-2.raw"));
            Files.createSymbolicLink(file.resolveSibling("vm-100-disk-3.raw"), file);
            assertThat(store.volumes().list())
                    .extracting(volume -> volume.path().toString())
                    .containsExactly(
                            file.toString(), store.volumes().path(OTHER).toString());

            store.volumes().remove(DISK);
            store.volumes().remove(OTHER);
            assertThat(file.resolveSibling("notes.txt")).exists();
            assertThat(root.resolve("images/101")).doesNotExist();
            storage.assertNothingStaged();
        });
    }

    @Test
    void aVolumeThatADeadOwnerLeftWithTwoNamesHasItsOldOne() throws IOException {
        on(ReflinkStorage.xfs(), (storage, store, root) -> {
            Path from = store.volumes().create(DISK, 1 << 20).path();
            Path to = store.volumes().path(OTHER);
            Path staging = Files.createDirectory(storage.base().resolve("staging/node-boot-dead"));
            CheckedFile.create(staging.resolve("rename.json"), new ReflinkVolumes.Renaming(DISK, OTHER));
            Files.createDirectory(to.getParent());
            Files.createLink(to, from);
            Files.createFile(staging.resolve("owner"));
            assertThat(store.recover(vm -> false, published -> {})).isTrue();
            assertThat(from).exists();
            assertThat(to.getParent()).doesNotExist();
            storage.assertNothingStaged();
        });
    }

    @Test
    void onBtrfsAVolumeHasTheFlagOfItsDirectory() throws IOException {
        on(ReflinkStorage.btrfs(), (storage, store, root) -> {
            Commands.run(
                    "chattr",
                    "+C",
                    Files.createDirectory(root.resolve("images")).toString());
            Path file = store.volumes().create(DISK, 1 << 20).path();
            Path copy = store.volumes().copy(DISK, OTHER).path();
            for (Path volume : new Path[] {file, copy}) {
                assertThat(Commands.run("lsattr", volume.toString()).split(" ")[0])
                        .contains("C");
            }
        });
    }
}
