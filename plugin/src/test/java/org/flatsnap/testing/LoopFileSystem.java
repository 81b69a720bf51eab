package org.flatsnap.testing;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** A real file system on a sparse file, mounted while it is open. QEMU's user may enter it. */
public final class LoopFileSystem implements AutoCloseable {
    private final Path directory;
    private final Path mountPoint;

    private LoopFileSystem(Path directory) {
        this.directory = directory;
        this.mountPoint = directory.resolve("mnt");
    }

    /** XFS with reflink. */
    public static LoopFileSystem xfs() {
        return xfs(1L << 30);
    }

    /** The same of another size in bytes. */
    public static LoopFileSystem xfs(long size) {
        return make(size, "mkfs.xfs", "-q", "-m", "reflink=1");
    }

    /** XFS with reflink and as little room as mkfs.xfs allows. */
    public static LoopFileSystem smallXfs() {
        return make(320L << 20, "mkfs.xfs", "-q", "-m", "reflink=1");
    }

    /** btrfs. */
    public static LoopFileSystem btrfs() {
        return make(1L << 30, "mkfs.btrfs", "-q");
    }

    /** OCFS2 for one host; its reflinks work in units of the cluster size. */
    public static LoopFileSystem ocfs2(String clusterSize) {
        return make(
                512L << 20,
                "mkfs.ocfs2",
                "-q",
                "-M",
                "local",
                "--fs-features=refcount,xattr",
                "-b",
                "4K",
                "-C",
                clusterSize);
    }

    /** A file system without reflink. */
    public static LoopFileSystem ext4() {
        return make(256L << 20, "mkfs.ext4", "-q");
    }

    /** The same of another size in bytes, for so many files. */
    public static LoopFileSystem ext4(long size, long files) {
        return make(size, "mkfs.ext4", "-q", "-N", Long.toString(files));
    }

    /** On what lies at {@code image} in a directory that also has {@code mnt}; not mounted yet. Both go with it. */
    public static LoopFileSystem in(Path directory) {
        return new LoopFileSystem(directory);
    }

    private static LoopFileSystem make(long size, String... mkfs) {
        try {
            Path directory = Files.createTempDirectory(Path.of("/var/tmp"), "flatsnap-test-");
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
            Path image = directory.resolve("image");
            try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
                file.setLength(size);
            }
            String[] command = java.util.Arrays.copyOf(mkfs, mkfs.length + 1);
            command[mkfs.length] = image.toString();
            Commands.run(command);
            Files.createDirectory(directory.resolve("mnt"));
            LoopFileSystem made = new LoopFileSystem(directory);
            made.mount();
            return made;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Where it is mounted. */
    public Path root() {
        return mountPoint;
    }

    /** Mounts it where it was. */
    public void mount() {
        Commands.run("mount", "-o", "loop", directory.resolve("image").toString(), mountPoint.toString());
    }

    /** Takes it away, as if its server had gone. */
    public void unmount() {
        Commands.run("umount", mountPoint.toString());
    }

    /** Makes it read-only or writable again. */
    public void remount(String mode) {
        Commands.run("mount", "-o", "remount," + mode, mountPoint.toString());
    }

    /** Fills it to the last block; gives the file that does it. */
    public Path fill() throws IOException {
        Path filler = mountPoint.resolve("filler");
        for (String size : new String[] {"1M", "4k"}) {
            Commands.exitCode(
                    "dd",
                    "if=/dev/zero",
                    "of=" + filler,
                    "bs=" + size,
                    "oflag=append,dsync",
                    "conv=notrunc",
                    "status=none");
        }
        return filler;
    }

    @Override
    public void close() {
        if (Commands.exitCode("mountpoint", "-q", mountPoint.toString()) == 0) {
            unmount();
        }
        try {
            Files.delete(mountPoint);
            Files.delete(directory.resolve("image"));
            Files.delete(directory);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
