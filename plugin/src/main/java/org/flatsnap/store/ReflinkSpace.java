package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.flatsnap.linux.Errno;
import org.flatsnap.linux.ErrnoException;
import org.flatsnap.linux.Extents;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;

/**
 * The space of a reflink store by physical extents: every file below its root is a user of blocks, a snapshot's files are one.
 * Reads the extent map of every file, so it takes seconds on a large store.
 */
final class ReflinkSpace {
    private final Path root;
    private final Layout layout;
    private final Map<SnapshotId, VmId> snapshots;

    ReflinkSpace(Path root, Layout layout, Map<SnapshotId, VmId> snapshots) {
        this.root = root;
        this.layout = layout;
        this.snapshots = snapshots;
    }

    Map<SnapshotId, Long> exclusive() throws IOException {
        Map<SnapshotId, Long> bytes = new HashMap<>();
        Map<Path, Long> byDirectory = map().exclusive();
        snapshots.forEach((id, vm) -> bytes.put(id, byDirectory.getOrDefault(layout.snapshot(vm, id), 0L)));
        return bytes;
    }

    long freedByDeleting(Set<SnapshotId> going) throws IOException {
        return map().freedBy(going.stream()
                .filter(snapshots::containsKey)
                .map(id -> layout.snapshot(snapshots.get(id), id))
                .collect(Collectors.toSet()));
    }

    private SpaceMap<Path> map() throws IOException {
        Set<Path> directories = snapshots.entrySet().stream()
                .map(entry -> layout.snapshot(entry.getValue(), entry.getKey()))
                .collect(Collectors.toSet());
        SpaceMap<Path> map = new SpaceMap<>();
        Object device = device(root);
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            private Path user;

            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
                    throws IOException {
                if (directories.contains(directory)) {
                    user = directory;
                }
                try {
                    return device(directory).equals(device) ? FileVisitResult.CONTINUE : FileVisitResult.SKIP_SUBTREE;
                } catch (NoSuchFileException e) {
                    // Deleted meanwhile, and what is left of it under another name is met there.
                    return FileVisitResult.SKIP_SUBTREE;
                }
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                if (attributes.isRegularFile() && attributes.size() > 0) {
                    try {
                        map.add(user == null ? file : user, Extents.of(file));
                    } catch (ErrnoException e) {
                        if (e.errno() != Errno.ENOENT) {
                            throw e;
                        }
                        // Deleted meanwhile: it uses nothing.
                        return FileVisitResult.CONTINUE;
                    }
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                if (failure instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE;
                }
                throw failure;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, IOException failure) throws IOException {
                if (directory.equals(user)) {
                    user = null;
                }
                return super.postVisitDirectory(directory, failure);
            }
        });
        return map;
    }

    private static Object device(Path path) throws IOException {
        return Files.getAttribute(path, "unix:dev");
    }
}
