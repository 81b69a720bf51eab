package org.flatsnap.faults;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import jnr.ffi.Pointer;
import org.flatsnap.linux.Reflink;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.RunningGuest;
import ru.serce.jnrfuse.ErrorCodes;
import ru.serce.jnrfuse.FuseFillDir;
import ru.serce.jnrfuse.FuseStubFS;
import ru.serce.jnrfuse.struct.FileStat;
import ru.serce.jnrfuse.struct.FuseFileInfo;

/**
 * Disks with a write cache that forgets when the power goes: each is a file served by this process, a file system lies on
 * each, and all that the kernel sends to them is known, write by write and flush by flush. So they can be had, at any moment,
 * as they would be found after a loss of power at that moment.
 *
 * <p>The images lie on a file system that clones them at once. Safe for use by several threads.
 */
final class PowerDisks implements AutoCloseable {
    /** What a power loss leaves of the writes that no flush has followed. */
    enum Loss {
        /** Nothing: the device had a cache and kept all of it to itself. */
        UNFLUSHED,
        /** Any part, in pieces of a block: a device writes its cache out in any order. */
        SOME,
        /** All: the device has no cache, only the kernel's is lost. */
        NOTHING
    }

    /** The smallest file system that mkfs.xfs makes is a little smaller. */
    private static final long SIZE = 320L << 20;
    /** What a device writes as a whole. */
    private static final int BLOCK = 4096;

    private final LoopFileSystem outside = LoopFileSystem.xfs();
    private final Path base;
    private final Path served;
    private final List<Disk> disks = new ArrayList<>();
    private final List<LoopFileSystem> fileSystems = new ArrayList<>();
    private final Server server = new Server();
    private final Thread serving;
    private Optional<Consumer<Copy>> beforeFlush = Optional.empty();
    private int copies;

    private record Write(long offset, byte[] bytes) {}

    private final class Disk {
        final Path directory;
        final Path durableFile;
        final FileChannel durable;
        final FileChannel present;
        final List<Write> pending = new ArrayList<>();
        long writes;
        long flushes;

        Disk(String name, String... mkfs) throws IOException {
            directory = Files.createDirectory(base.resolve(name));
            Files.createDirectory(directory.resolve("mnt"));
            Files.createSymbolicLink(directory.resolve("image"), served.resolve(name));
            durableFile = outside.root().resolve(name);
            durable = FileChannel.open(
                    durableFile, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
            durable.write(ByteBuffer.allocate(1), SIZE - 1);
            String[] command = Arrays.copyOf(mkfs, mkfs.length + 1);
            command[mkfs.length] = durableFile.toString();
            Commands.run(command);
            Path presentFile = outside.root().resolve(name + ".present");
            Reflink.cloneFile(durableFile, presentFile);
            present = FileChannel.open(presentFile, StandardOpenOption.READ, StandardOpenOption.WRITE);
        }

        void write(long offset, byte[] bytes) throws IOException {
            put(present, offset, bytes);
            pending.add(new Write(offset, bytes));
            writes++;
        }

        void flush() throws IOException {
            if (!pending.isEmpty()) {
                if (beforeFlush.isPresent()) {
                    beforeFlush.get().accept(new Copy());
                }
                for (Write write : pending) {
                    put(durable, write.offset(), write.bytes());
                }
                pending.clear();
                flushes++;
            }
        }
    }

    private static void put(FileChannel file, long offset, byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
            file.write(buffer, offset + buffer.position());
        }
    }

    /** All disks at one moment. */
    final class Copy {
        private final List<Path> flushed = new ArrayList<>();
        private final List<List<Write>> pending = new ArrayList<>();
        private final String flushes;
        private final String writes;

        private Copy() throws IOException {
            StringBuilder flushedSoFar = new StringBuilder();
            StringBuilder writtenSoFar = new StringBuilder();
            for (Disk disk : disks) {
                Path clone = outside.root().resolve("copy-" + copies++);
                Reflink.cloneFile(disk.durableFile, clone);
                flushed.add(clone);
                pending.add(List.copyOf(disk.pending));
                flushedSoFar.append(disk.flushes).append(' ');
                writtenSoFar.append(disk.writes).append(' ');
            }
            flushes = flushedSoFar.toString();
            writes = flushes + "and " + writtenSoFar;
        }

        /** The same for two copies if the loss leaves the same of both; empty if this loss is none here or like another. */
        Optional<String> key(Loss loss) {
            return switch (loss) {
                case UNFLUSHED -> Optional.of(flushes);
                case SOME, NOTHING -> pending.stream().allMatch(List::isEmpty) ? Optional.empty() : Optional.of(writes);
            };
        }

        /** Puts what is left in the place of the disks, which are not mounted; {@link #putBack} ends it. */
        void insert(Loss loss, RandomGenerator random) throws IOException {
            for (int i = 0; i < disks.size(); i++) {
                Path image = outside.root().resolve("inserted-" + i);
                Files.deleteIfExists(image);
                Reflink.cloneFile(flushed.get(i), image);
                try (FileChannel file = FileChannel.open(image, StandardOpenOption.WRITE)) {
                    for (Write write : pending.get(i)) {
                        keep(file, write, loss, random);
                    }
                }
                link(disks.get(i), image);
            }
        }

        private static void keep(FileChannel file, Write write, Loss loss, RandomGenerator random) throws IOException {
            switch (loss) {
                case UNFLUSHED -> {}
                case NOTHING -> put(file, write.offset(), write.bytes());
                case SOME -> {
                    for (int at = 0; at < write.bytes().length; ) {
                        int end = (int) Math.min(
                                write.bytes().length, (write.offset() + at) / BLOCK * BLOCK + BLOCK - write.offset());
                        if (random.nextBoolean()) {
                            put(file, write.offset() + at, Arrays.copyOfRange(write.bytes(), at, end));
                        }
                        at = end;
                    }
                }
            }
        }

        void forget() {
            try {
                for (Path file : flushed) {
                    Files.delete(file);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Makes and mounts some. */
    PowerDisks(int count, String... mkfs) throws IOException {
        base = Files.createTempDirectory(Path.of("/var/tmp"), "flatsnap-power-");
        Files.setPosixFilePermissions(base, PosixFilePermissions.fromString("rwxr-xr-x"));
        // Each QEMU has a mount namespace, which would hold what is unmounted here for as long as it runs.
        Commands.run("mount", "--bind", base.toString(), base.toString());
        Commands.run("mount", "--make-shared", base.toString());
        served = Files.createDirectory(base.resolve("served"));
        for (int i = 0; i < count; i++) {
            disks.add(new Disk("disk" + i, mkfs));
        }
        serving = new Thread(
                () -> server.mount(served, true, false, new String[] {
                    "-s", "-o", "fsname=flatsnap-power,big_writes,max_read=131072"
                }),
                "power-disks");
        serving.setDaemon(true);
        serving.start();
        RunningGuest.await(Duration.ofSeconds(30), "disks", () -> Files.exists(served.resolve("disk0")));
        for (Disk disk : disks) {
            LoopFileSystem fileSystem = LoopFileSystem.in(disk.directory);
            fileSystem.mount();
            fileSystems.add(fileSystem);
        }
    }

    /** One a disk. */
    List<LoopFileSystem> fileSystems() {
        return List.copyOf(fileSystems);
    }

    void mount() {
        fileSystems.forEach(LoopFileSystem::mount);
    }

    /** Those that are mounted; returns when the kernel has let go of them, which somebody who looks at them may delay. */
    void unmount() throws IOException {
        for (Disk disk : disks) {
            String mountPoint = disk.directory.resolve("mnt").toString();
            String image = disk.directory.resolve("image").toRealPath().toString();
            RunningGuest.await(Duration.ofMinutes(1), "the kernel to let go of " + image, () -> {
                // Somebody may look at it just now.
                if (Commands.exitCode("mountpoint", "-q", mountPoint) == 0) {
                    Commands.exitCode("umount", mountPoint);
                }
                return !isUsed(image);
            });
        }
    }

    /** Asked of the kernel itself: losetup fails when any loop device goes while it looks. */
    private static boolean isUsed(String image) {
        try (DirectoryStream<Path> devices = Files.newDirectoryStream(Path.of("/sys/block"), "loop*")) {
            for (Path device : devices) {
                try {
                    if (Files.readString(device.resolve("loop/backing_file"))
                            .strip()
                            .equals(image)) {
                        return true;
                    }
                } catch (IOException e) {
                    // It has none, or no more.
                    continue;
                }
            }
            return false;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What they hold now. */
    Copy copy() throws IOException {
        synchronized (server) {
            return new Copy();
        }
    }

    /** Lets somebody have a copy before each flush that finds something to do, until he wants no more. */
    void beforeFlush(Optional<Consumer<Copy>> user) {
        synchronized (server) {
            beforeFlush = user;
        }
    }

    /** How often it had reason to flush them. */
    long flushes() {
        synchronized (server) {
            return disks.stream().mapToLong(disk -> disk.flushes).sum();
        }
    }

    /** The disks themselves are in their places again. */
    void putBack() throws IOException {
        for (int i = 0; i < disks.size(); i++) {
            link(disks.get(i), served.resolve("disk" + i));
            Files.deleteIfExists(outside.root().resolve("inserted-" + i));
        }
    }

    private static void link(Disk disk, Path image) throws IOException {
        Path link = disk.directory.resolve("image");
        Files.delete(link);
        Files.createSymbolicLink(link, image);
    }

    /** The files, and nothing else. One thread of libfuse calls it; an exception would be taken for an empty answer. */
    private final class Server extends FuseStubFS {
        private interface Answer {
            int give() throws IOException;
        }

        private synchronized int answer(Answer answer) {
            try {
                return answer.give();
            } catch (IOException | RuntimeException | Error e) {
                e.printStackTrace();
                return -ErrorCodes.EIO();
            }
        }

        private Optional<Disk> disk(String path) {
            return IntStream.range(0, disks.size())
                    .filter(i -> path.equals("/disk" + i))
                    .mapToObj(disks::get)
                    .findFirst();
        }

        @Override
        public int getattr(String path, FileStat status) {
            return answer(() -> {
                if (path.equals("/")) {
                    status.st_mode.set(FileStat.S_IFDIR | 0700);
                } else if (disk(path).isPresent()) {
                    status.st_mode.set(FileStat.S_IFREG | 0600);
                    status.st_size.set(SIZE);
                } else {
                    return -ErrorCodes.ENOENT();
                }
                status.st_nlink.set(1);
                return 0;
            });
        }

        @Override
        public int readdir(String path, Pointer buffer, FuseFillDir filler, long offset, FuseFileInfo info) {
            return answer(() -> {
                for (int i = 0; i < disks.size(); i++) {
                    filler.apply(buffer, "disk" + i, null, 0);
                }
                return 0;
            });
        }

        @Override
        public int open(String path, FuseFileInfo info) {
            return 0;
        }

        @Override
        public int read(String path, Pointer buffer, long size, long offset, FuseFileInfo info) {
            return answer(() -> {
                ByteBuffer bytes = ByteBuffer.allocate((int) Math.max(0, Math.min(size, SIZE - offset)));
                FileChannel file = disk(path).orElseThrow().present;
                while (bytes.hasRemaining() && file.read(bytes, offset + bytes.position()) > 0) {}
                buffer.put(0, bytes.array(), 0, bytes.position());
                return bytes.position();
            });
        }

        @Override
        public int write(String path, Pointer buffer, long size, long offset, FuseFileInfo info) {
            return answer(() -> {
                byte[] bytes = new byte[(int) size];
                buffer.get(0, bytes, 0, bytes.length);
                disk(path).orElseThrow().write(offset, bytes);
                return bytes.length;
            });
        }

        @Override
        public int fsync(String path, int dataOnly, FuseFileInfo info) {
            return answer(() -> {
                disk(path).orElseThrow().flush();
                return 0;
            });
        }
    }

    @Override
    public void close() {
        // Whoever used one may have closed it.
        fileSystems.stream()
                .filter(fileSystem -> Files.exists(fileSystem.root()))
                .forEach(LoopFileSystem::close);
        Commands.exitCode("umount", "-l", served.toString());
        try {
            serving.join();
            for (Disk disk : disks) {
                disk.durable.close();
                disk.present.close();
            }
            Files.delete(served);
            Commands.run("umount", base.toString());
            Files.delete(base);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        outside.close();
    }
}
