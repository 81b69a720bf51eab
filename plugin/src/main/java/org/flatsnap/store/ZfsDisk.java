package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.ZvolDevices;

/**
 * A live disk on ZFS, which need not exist.
 *
 * @param dataset the volume, or the file system that holds this disk alone
 * @param live its link below /dev/zvol, or its file
 */
record ZfsDisk(DatasetName dataset, Path live) {
    /** Finds the dataset of a path; nothing if the path does not lead to ZFS. */
    static Optional<ZfsDisk> of(Path live) throws IOException {
        if (live.startsWith(ZvolDevices.LINKS)) {
            // udev writes a blank as a plus sign, which no name has.
            return named(ZvolDevices.LINKS.relativize(live).toString().replace('+', ' '), live);
        }
        Deque<String> missing = new ArrayDeque<>();
        Path directory = live.getParent();
        while (!Files.exists(directory)) {
            missing.push(directory.getFileName().toString());
            directory = directory.getParent();
        }
        FileStore mounted = Files.getFileStore(directory);
        if (!mounted.type().equals("zfs") || !missing.isEmpty() && !isMountPoint(directory)) {
            return Optional.empty();
        }
        missing.push(mounted.name());
        return named(String.join("/", missing), live);
    }

    private static Optional<ZfsDisk> named(String name, Path live) {
        return ZfsNames.dataset(name).map(dataset -> new ZfsDisk(dataset, live));
    }

    private static boolean isMountPoint(Path directory) throws IOException {
        Path parent = directory.getParent();
        return parent == null
                || !Files.getAttribute(directory, "unix:dev").equals(Files.getAttribute(parent, "unix:dev"));
    }

    boolean isVolume() {
        return live.startsWith(ZvolDevices.LINKS);
    }

    /** The disk of that name beside this one. */
    ZfsDisk sibling(String name) {
        DatasetName other = new DatasetName(dataset.parent().orElseThrow() + "/" + name);
        return new ZfsDisk(
                other,
                isVolume()
                        ? ZvolDevices.path(other)
                        : live.getParent().resolveSibling(name).resolve(live.getFileName()));
    }

    /** Whether a file lies directly in a dataset's root. */
    boolean atTop() throws IOException {
        return isVolume() || isMountPoint(live.getParent());
    }

    /** What lies beside a file in its dataset, and would be rolled back with it. */
    List<String> companions() throws IOException {
        List<String> others = new ArrayList<>();
        if (!isVolume() && Files.exists(live.getParent())) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(live.getParent())) {
                for (Path file : files) {
                    if (!file.equals(live)) {
                        others.add(file.getFileName().toString());
                    }
                }
            }
        }
        return others;
    }
}
