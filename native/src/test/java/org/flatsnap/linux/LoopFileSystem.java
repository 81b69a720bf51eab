package org.flatsnap.linux;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A real file system on a sparse file, mounted through a loop device while it is open. */
final class LoopFileSystem implements AutoCloseable {
    private static final long SIZE = 512L << 20;

    private final Path directory;
    private final Path mountPoint;

    private LoopFileSystem(Path directory, Path mountPoint) {
        this.directory = directory;
        this.mountPoint = mountPoint;
    }

    static LoopFileSystem make(String... mkfs) throws IOException {
        Path directory = Files.createTempDirectory("flatsnap-native");
        Path image = directory.resolve("image");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(SIZE);
        }
        List<String> command = new ArrayList<>(List.of(mkfs));
        command.add(image.toString());
        run(command.toArray(String[]::new));
        Path mountPoint = Files.createDirectory(directory.resolve("mnt"));
        run("mount", "-o", "loop", image.toString(), mountPoint.toString());
        return new LoopFileSystem(directory, mountPoint);
    }

    Path root() {
        return mountPoint;
    }

    static void run(String... command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        try {
            if (process.waitFor() != 0) {
                throw new IOException(String.join(" ", command) + ": " + output);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        run("umount", mountPoint.toString());
        Files.delete(mountPoint);
        Files.delete(directory.resolve("image"));
        Files.delete(directory);
    }
}
