package org.flatsnap.linux;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Which processes of this host have a file open, by {@code /proc/<pid>/fd} and {@code fdinfo}, see proc(5). */
public final class OpenFiles {
    private static final Path PROC = Path.of("/proc");
    private static final Path BLOCK_DEVICES = Path.of("/sys/block");
    private static final int ACCESS_MODE = 3;

    private OpenFiles() {}

    /**
     * The processes that have the file open for writing. Needs root's rights to see those of other users; a process
     * that is closed to the caller counts as not having it.
     *
     * @return process ids, empty if the file does not exist
     */
    public static List<Long> writers(Path file) throws IOException {
        if (!Files.exists(file)) {
            return List.of();
        }
        Path wanted = file.toRealPath();
        List<Long> writers = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                if (writes(process, wanted)) {
                    writers.add(Long.valueOf(process.getFileName().toString()));
                }
            }
        }
        return writers;
    }

    /**
     * Whether the kernel itself uses a block device, for a mounted file system, LVM or RAID; or a file, for a loop device as
     * containers have them. Source of the latter: {@code loop/backing_file} in sysfs.
     */
    public static boolean claimed(Path file) throws IOException {
        if (!Files.exists(file)) {
            return false;
        }
        if (Files.isRegularFile(file)) {
            return looped(file.toRealPath());
        }
        try (Descriptor device = Descriptor.open(file, CLibrary.O_RDONLY | CLibrary.O_EXCL, 0)) {
            return false;
        } catch (ErrnoException e) {
            if (e.errno() == Errno.EBUSY) {
                return true;
            }
            throw e;
        }
    }

    private static boolean looped(Path wanted) throws IOException {
        try (DirectoryStream<Path> devices = Files.newDirectoryStream(BLOCK_DEVICES, "loop*")) {
            for (Path device : devices) {
                Path backing = device.resolve("loop/backing_file");
                try {
                    Path path = Path.of(Files.readString(backing).strip());
                    if (path.equals(wanted)
                            || wanted.getFileName().equals(path.getFileName()) && Files.isSameFile(path, wanted)) {
                        return true;
                    }
                } catch (NoSuchFileException e) {
                    // It has no file, or none any more.
                    continue;
                }
            }
            return false;
        }
    }

    private static boolean writes(Path process, Path wanted) throws IOException {
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(process.resolve("fd"))) {
            for (Path descriptor : descriptors) {
                if (leadsTo(descriptor, wanted)
                        && forWriting(process.resolve("fdinfo").resolve(descriptor.getFileName()))) {
                    return true;
                }
            }
            return false;
        } catch (AccessDeniedException e) {
            // Init of a container can be closed even to root.
            return false;
        } catch (NoSuchFileException e) {
            // The process ended before it could be looked at.
            return false;
        } catch (IOException e) {
            return endedOrThrow(e);
        } catch (DirectoryIteratorException e) {
            return endedOrThrow(e.getCause());
        }
    }

    /** ESRCH: the process ended while it was looked at. Whatever else it may be must not pass for "no". */
    private static boolean endedOrThrow(IOException e) throws IOException {
        // A read fails with the reason alone.
        String reason = e instanceof FileSystemException failed ? failed.getReason() : e.getMessage();
        if (Errno.text(Errno.ESRCH).equals(reason)) {
            return false;
        }
        throw e;
    }

    private static boolean leadsTo(Path descriptor, Path wanted) throws IOException {
        try {
            Path path = Files.readSymbolicLink(descriptor);
            // Another mount of the same file system gives another path. Only a file of that name is examined: examining
            // whatever is open could wait for ever on a dead network file system.
            return path.equals(wanted)
                    || wanted.getFileName().equals(path.getFileName()) && Files.isSameFile(descriptor, wanted);
        } catch (NoSuchFileException e) {
            // Closed meanwhile.
            return false;
        }
    }

    private static boolean forWriting(Path information) throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(information);
        } catch (NoSuchFileException e) {
            // Closed meanwhile.
            return false;
        }
        for (String line : lines) {
            if (line.startsWith("flags:")) {
                int flags = Integer.parseInt(line.substring("flags:".length()).strip(), 8);
                return (flags & ACCESS_MODE) != CLibrary.O_RDONLY;
            }
        }
        return false;
    }
}
