package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.store.StoreContract.assertProblem;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.testing.LoopFileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnsuitableStoreTest {
    @Test
    void aFileSystemWithoutReflinkIsRefusedAndLeftAsItWas() throws IOException {
        try (LoopFileSystem ext4 = LoopFileSystem.ext4()) {
            assertProblem(Code.UNSUPPORTED, "no reflink", () -> ReflinkStore.open(ext4.root(), Optional.empty()));
            try (var files = Files.list(ext4.root())) {
                assertThat(files.map(file -> file.getFileName().toString())).containsExactly("lost+found");
            }
        }
    }

    @Test
    void aMissingDirectoryAndAFileAreToldApart(@TempDir Path directory) throws IOException {
        assertProblem(
                Code.UNAVAILABLE,
                "no such directory",
                () -> ReflinkStore.open(directory.resolve("absent"), Optional.empty()));
        Path file = Files.createFile(directory.resolve("file"));
        assertProblem(Code.UNAVAILABLE, "not a directory", () -> ReflinkStore.open(file, Optional.empty()));
    }

    @Test
    void whatNoRenameReachesIsNotCovered() {
        try (LoopFileSystem xfs = LoopFileSystem.smallXfs();
                Store store = ReflinkStore.open(xfs.root(), Optional.empty())) {
            assertThat(store.covers(xfs.root().resolve("absent/absent.raw"))).isFalse();
            assertThat(store.covers(xfs.root().resolve(".flatsnap/store.json"))).isFalse();
        }
    }

    @Test
    void whatOthersMayWriteToIsNotBelieved() throws IOException {
        try (LoopFileSystem xfs = LoopFileSystem.smallXfs()) {
            Path own = Files.createDirectory(xfs.root().resolve(".flatsnap"));
            Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rwxrwx---"));
            assertProblem(Code.REFUSED, "may write to it", () -> ReflinkStore.open(xfs.root(), Optional.empty()));
            Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rwx------"));
            Files.setAttribute(own, "unix:uid", 1);
            assertProblem(Code.REFUSED, "others than the user", () -> ReflinkStore.open(xfs.root(), Optional.empty()));
            Files.setAttribute(own, "unix:uid", 0);
            ReflinkStore.open(xfs.root(), Optional.empty()).close();

            Path elsewhere = Files.move(own, xfs.root().resolve("elsewhere"));
            Files.createSymbolicLink(own, elsewhere);
            assertProblem(Code.REFUSED, "is a link", () -> ReflinkStore.open(xfs.root(), Optional.empty()));
        }
    }

    @Test
    void datasetsWithinEachOtherAreToldApartFromNeighbours() {
        StorePlace upper = new StorePlace.Dataset(new DatasetName("tank/vm"));
        assertThat(upper.nests(new StorePlace.Dataset(new DatasetName("tank/vm/ssd"))))
                .isTrue();
        assertThat(upper.nests(new StorePlace.Dataset(new DatasetName("tank/vms"))))
                .isFalse();
        assertThat(upper.nests(new StorePlace.Directory(Path.of("/tank/vm/ssd"))))
                .isFalse();
    }

    @Test
    void anEmptyReadOnlyFileSystemIsRefused() {
        try (LoopFileSystem xfs = LoopFileSystem.smallXfs()) {
            xfs.remount("ro");
            assertProblem(Code.UNAVAILABLE, "read-only", () -> ReflinkStore.open(xfs.root(), Optional.empty()));
        }
    }
}
