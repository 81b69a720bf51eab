package org.flatsnap.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReflinkTest {
    private LoopFileSystem xfs;
    private LoopFileSystem btrfs;
    private LoopFileSystem ext4;

    @BeforeAll
    void mount() throws IOException {
        xfs = LoopFileSystem.make("mkfs.xfs", "-q", "-m", "reflink=1");
        btrfs = LoopFileSystem.make("mkfs.btrfs", "-q");
        ext4 = LoopFileSystem.make("mkfs.ext4", "-q");
    }

    @AfterAll
    void unmount() throws IOException {
        for (LoopFileSystem mounted : List.of(xfs, btrfs, ext4)) {
            mounted.close();
        }
    }

    @Test
    void aCloneHasTheBytesOfItsMomentOnXfs() throws IOException {
        assertClones(xfs.root().resolve("disk.raw"));
    }

    @Test
    void aCloneHasTheBytesOfItsMomentOnBtrfs() throws IOException {
        assertClones(btrfs.root().resolve("disk.raw"));
    }

    @Test
    void aNocowFileOnBtrfsClonesToo() throws IOException {
        Path disk = Files.createFile(btrfs.root().resolve("nocow.raw"));
        LoopFileSystem.run("chattr", "+C", disk.toString());
        assertClones(disk);
    }

    @Test
    void aCloneLiesWhereItsSourceLiesUntilItIsOverwritten() throws IOException {
        for (LoopFileSystem fileSystem : List.of(xfs, btrfs)) {
            Path source = Files.write(fileSystem.root().resolve("mapped.raw"), new byte[1 << 20]);
            Path clone = fileSystem.root().resolve("mapped.clone");
            Reflink.cloneFile(source, clone);
            List<Extents.Range> shared = Extents.of(source);
            assertThat(shared).isNotEmpty().isEqualTo(Extents.of(clone));
            assertThat(shared.stream().mapToLong(Extents.Range::length).sum()).isEqualTo(1 << 20);

            Files.write(source, new byte[1 << 20], StandardOpenOption.WRITE);
            assertThat(Extents.of(source)).doesNotContainAnyElementsOf(shared);
            assertThat(Extents.of(clone)).isEqualTo(shared);
        }
        assertThat(Extents.of(Files.createFile(xfs.root().resolve("empty")))).isEmpty();
    }

    @Test
    void theFileSystemTellsItsType() throws IOException {
        assertThat(FileSystemStatus.of(xfs.root()).type()).isEqualTo(FileSystemStatus.Type.XFS);
        assertThat(FileSystemStatus.of(btrfs.root()).type()).isEqualTo(FileSystemStatus.Type.BTRFS);
        FileSystemStatus ext = FileSystemStatus.of(ext4.root());
        assertThat(ext.type()).isEqualTo(FileSystemStatus.Type.EXT);
        assertThat(ext.readOnly()).isFalse();
        assertThat(ext.totalBytes()).isBetween(400L << 20, 512L << 20);
        assertThat(ext.availableBytes()).isPositive().isLessThan(ext.totalBytes());
    }

    @Test
    void whereItCannotWorkNothingIsLeftBehind() throws IOException {
        Path source = Files.writeString(ext4.root().resolve("a"), "a");
        Path target = ext4.root().resolve("b");

        assertErrno(Errno.EOPNOTSUPP, Errno.ENOTTY, () -> Reflink.cloneFile(source, target));
        assertThat(target).doesNotExist();

        Path elsewhere = xfs.root().resolve("elsewhere");
        assertErrno(Errno.EXDEV, Errno.EXDEV, () -> Reflink.cloneFile(source, elsewhere));
        assertThat(elsewhere).doesNotExist();
    }

    @Test
    void anExistingTargetIsNeverTouched() throws IOException {
        Path source = Files.writeString(xfs.root().resolve("from"), "new");
        Path target = Files.writeString(xfs.root().resolve("to"), "old");

        assertErrno(Errno.EEXIST, Errno.EEXIST, () -> Reflink.cloneFile(source, target));
        assertThat(target).hasContent("old");
    }

    @Test
    void namesInAnyScriptAreFound() throws IOException {
        Path source = Files.writeString(xfs.root().resolve("Größe 移行"), "text");
        Reflink.cloneFile(source, xfs.root().resolve("переезд"));
        assertThat(xfs.root().resolve("переезд")).hasContent("text");
    }

    @Test
    void identityIsCarriedOver(@TempDir Path directory) throws IOException {
        Path source = Files.createFile(directory.resolve("source"));
        Path target = Files.createFile(directory.resolve("target"));
        LoopFileSystem.run("chown", "12:34", source.toString());
        LoopFileSystem.run("chmod", "0640", source.toString());

        FileIdentity.copy(source, target);

        FileStatus status = FileStatus.of(target);
        assertThat(status.owner()).isEqualTo(12);
        assertThat(status.group()).isEqualTo(34);
        assertThat(status.permissions()).isEqualTo(0640);
    }

    private static void assertClones(Path disk) throws IOException {
        byte[] before = new byte[3 << 20];
        new Random(7).nextBytes(before);
        Files.write(disk, before);
        Path clone = disk.resolveSibling(disk.getFileName() + ".clone");

        Reflink.cloneFile(disk, clone);
        Files.write(disk, new byte[1 << 20], StandardOpenOption.WRITE);

        assertThat(Files.readAllBytes(clone)).isEqualTo(before);
        assertThat(FileStatus.of(clone).size()).isEqualTo(before.length);
        assertThat(FileStatus.of(clone).permissions()).isEqualTo(0600);
        Durability.sync(clone);
        Durability.sync(clone.getParent());
    }

    private static void assertErrno(
            int errno, int orErrno, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno())
                .isIn(errno, orErrno));
    }
}
