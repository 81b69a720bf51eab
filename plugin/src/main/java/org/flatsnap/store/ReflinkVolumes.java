package org.flatsnap.store;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.Errno;
import org.flatsnap.linux.ErrnoException;
import org.flatsnap.linux.FileIdentity;
import org.flatsnap.linux.FileStatus;
import org.flatsnap.linux.Reflink;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.VolumeName;

/**
 * Disks in files, laid out as Proxmox VE's own directories are. A new one is built in staging and appears by a hard link, which
 * overwrites nothing on any file system; OCFS2 has no rename that does not.
 */
final class ReflinkVolumes implements Volumes {
    private static final String SUFFIX = ".raw";
    private static final String RENAMING = "rename.json";
    private static final Set<PosixFilePermission> DIRECTORY_MODE = PosixFilePermissions.fromString("rwxr-xr-x");
    private static final Set<PosixFilePermission> FILE_MODE = PosixFilePermissions.fromString("rw-r-----");

    private final ReflinkStore store;
    private final Path root;
    private final Path images;

    ReflinkVolumes(ReflinkStore store, Path root) {
        this.store = store;
        this.root = root;
        this.images = root.resolve("images");
    }

    /** What recovery needs to know. */
    record Renaming(VolumeName from, VolumeName to) {
        Renaming {
            requireNonNull(from, "from");
            requireNonNull(to, "to");
        }
    }

    @Override
    public Path path(VolumeName name) {
        return images.resolve(Integer.toString(name.vmid())).resolve(name + SUFFIX);
    }

    @Override
    public List<Volume> list() {
        return store.produce("cannot list volumes", () -> {
            store.requireMounted();
            List<Volume> volumes = new ArrayList<>();
            for (Path owner : Layout.entries(images)) {
                for (Path file : Layout.entries(owner)) {
                    Optional<VolumeName> name = name(file);
                    if (name.isPresent()) {
                        look(name.get()).ifPresent(volumes::add);
                    }
                }
            }
            volumes.sort(Comparator.comparing(Volume::name));
            return List.copyOf(volumes);
        });
    }

    /** The volume that a file is by its place. */
    private Optional<VolumeName> name(Path file) {
        String text = file.getFileName().toString();
        return Optional.of(text)
                .filter(name -> name.endsWith(SUFFIX))
                .map(name -> name.substring(0, name.length() - SUFFIX.length()))
                .filter(VolumeName::looksLikeOne)
                .map(VolumeName::new)
                .filter(name -> path(name).equals(file));
    }

    @Override
    public Optional<Volume> find(VolumeName name) {
        return store.produce("cannot examine volume " + name, () -> {
            store.requireMounted();
            return look(name);
        });
    }

    private Optional<Volume> look(VolumeName name) throws IOException {
        Path file = path(name);
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.empty();
        }
        try {
            FileStatus status = FileStatus.of(file);
            return Optional.of(new Volume(name, file, status.size(), status.blocks() * 512, status.made()));
        } catch (ErrnoException e) {
            if (e.errno() == Errno.ENOENT) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private Volume present(String what, VolumeName name) {
        return find(name).orElseThrow(() -> VolumeRefusals.missing(what, name));
    }

    private void requireAbsent(String what, VolumeName name) {
        store.attempt(what, store::requireMounted);
        if (Files.exists(path(name), LinkOption.NOFOLLOW_LINKS)) {
            throw VolumeRefusals.exists(what, name);
        }
    }

    @Override
    public Volume create(VolumeName name, long bytes) {
        String what = "cannot create volume " + name;
        VolumeRefusals.requireSize(what, bytes);
        requireAbsent(what, name);
        return store.produce(what, () -> {
            try (Staging staging = begin()) {
                Path file = Files.createFile(staging.directory().resolve(name + SUFFIX));
                Reflink.copyNocow(nearest(path(name)), file);
                Files.setPosixFilePermissions(file, FILE_MODE);
                setLength(file, bytes);
                link(file, path(name));
            }
            return present(what, name);
        });
    }

    @Override
    public Volume copy(VolumeName from, VolumeName to) {
        String what = "cannot copy volume " + from + " to " + to;
        Path source = present(what, from).path();
        requireAbsent(what, to);
        return store.produce(what, () -> {
            try (Staging staging = begin()) {
                Path file = staging.directory().resolve(to + SUFFIX);
                Reflink.cloneFile(source, file);
                FileIdentity.copy(source, file);
                Durability.sync(file);
                link(file, path(to));
            }
            return present(what, to);
        });
    }

    private Staging begin() throws IOException {
        return Staging.create(store.layout().staging(OperationId.random()));
    }

    /** The directory in which a file will lie, or the nearest above it that there is. */
    private static Path nearest(Path file) {
        Path directory = file.getParent();
        while (!Files.exists(directory)) {
            directory = directory.getParent();
        }
        return directory;
    }

    private static void setLength(Path file, long bytes) throws IOException {
        try (RandomAccessFile grown = new RandomAccessFile(file.toFile(), "rw")) {
            grown.setLength(bytes);
        }
        Durability.sync(file);
    }

    @Override
    public Volume resize(VolumeName name, long bytes) {
        String what = "cannot resize volume " + name;
        VolumeRefusals.requireGrowth(what, present(what, name), bytes);
        return store.produce(what, () -> {
            setLength(path(name), bytes);
            return present(what, name);
        });
    }

    @Override
    public Volume rename(VolumeName from, VolumeName to) {
        String what = "cannot rename volume " + from + " to " + to;
        present(what, from);
        requireAbsent(what, to);
        return store.produce(what, () -> {
            try (Staging staging = begin()) {
                Renaming renaming = new Renaming(from, to);
                CheckedFile.replace(staging.directory().resolve(RENAMING), renaming);
                Durability.sync(store.layout().staging());
                try {
                    link(path(from), path(to));
                    unlink(path(from));
                } catch (IOException e) {
                    undo(staging, renaming, e);
                    throw e;
                }
            }
            return present(what, to);
        });
    }

    private void undo(Staging staging, Renaming renaming, IOException cause) {
        try {
            undo(renaming);
        } catch (IOException e) {
            staging.keep();
            cause.addSuppressed(e);
        }
    }

    /** While a file has both names, its guest's configuration knows the old one. */
    private void undo(Renaming renaming) throws IOException {
        Path from = path(renaming.from());
        Path to = path(renaming.to());
        if (Files.exists(from) && Files.exists(to) && Files.isSameFile(from, to)) {
            unlink(to);
        }
    }

    /** What a dead owner left: a volume of two names keeps the old one. */
    void recover(Staging staging) throws IOException {
        Path file = staging.directory().resolve(RENAMING);
        if (Files.exists(file)) {
            undo(CheckedFile.read(file, Renaming.class));
        }
    }

    @Override
    public void remove(VolumeName name) {
        store.attempt("cannot remove volume " + name, () -> {
            store.requireMounted();
            unlink(path(name));
        });
    }

    /**
     * Gives a file one more name, durably; a volume's directory is made where it is missing.
     *
     * @throws java.nio.file.FileAlreadyExistsException if there is something of that name
     */
    void link(Path file, Path name) throws IOException {
        Path directory = name.getParent();
        while (true) {
            if (isVolumes(directory)) {
                make(images);
                make(directory);
            }
            try {
                Files.createLink(name, file);
                break;
            } catch (NoSuchFileException e) {
                // Whoever removed the last other volume took the directory with it.
                if (!isVolumes(directory) || Files.exists(directory) || !Files.exists(file)) {
                    throw e;
                }
            }
        }
        Durability.sync(directory);
        if (isVolumes(directory)) {
            Durability.sync(images);
            Durability.sync(root);
        }
    }

    private boolean isVolumes(Path directory) {
        return images.equals(directory.getParent());
    }

    private static void make(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            Files.createDirectories(directory, PosixFilePermissions.asFileAttribute(DIRECTORY_MODE));
            // Whatever the mask of this process takes away, all users of the store can reach what is theirs in it.
            Files.setPosixFilePermissions(directory, DIRECTORY_MODE);
        }
    }

    /** Takes a name from a file, durably, and a volume's directory with the last one. Absent is fine. */
    void unlink(Path name) throws IOException {
        Path directory = name.getParent();
        if (!Files.exists(directory)) {
            return;
        }
        Files.deleteIfExists(name);
        Durability.sync(directory);
        if (isVolumes(directory)) {
            try {
                Files.delete(directory);
            } catch (DirectoryNotEmptyException | NoSuchFileException e) {
                // It has others, or somebody else was quicker.
                return;
            }
            Durability.sync(images);
        }
    }
}
