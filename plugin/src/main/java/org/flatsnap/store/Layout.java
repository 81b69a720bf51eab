package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.flatsnap.linux.Accounts;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.Host;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;

/** The places of a reflink store's files; the package comment draws them. */
final class Layout {
    static final String DIRECTORY = ".flatsnap";
    static final String METADATA = "snapshot.json";
    private static final String DELETED = ".deleted";
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");

    private final Path base;
    private final String node;
    private final String owner;

    /** Of a store whose files lie in this directory. */
    Layout(Path base, String node) throws IOException {
        this.base = base;
        this.node = node;
        this.owner = node + "-" + Host.bootId() + "-";
    }

    void create() throws IOException {
        if (!Files.exists(base)) {
            Files.createDirectory(base, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        }
        for (Path directory : List.of(locks(), vms(), staging(), intents(), changes())) {
            Files.createDirectories(directory);
        }
        Durability.sync(base);
    }

    /** Whether nobody can write there but who this process acts as: what lies there is believed. */
    boolean isOwn() throws IOException {
        Set<PosixFilePermission> mode = Files.getPosixFilePermissions(base, LinkOption.NOFOLLOW_LINKS);
        return !Files.isSymbolicLink(base)
                && Files.getAttribute(base, "unix:uid", LinkOption.NOFOLLOW_LINKS)
                        .equals(Accounts.effectiveUser())
                && !mode.contains(PosixFilePermission.GROUP_WRITE)
                && !mode.contains(PosixFilePermission.OTHERS_WRITE);
    }

    /** This host's name, by which the others know its work. */
    String node() {
        return node;
    }

    Path base() {
        return base;
    }

    Path identity() {
        return base.resolve("store.json");
    }

    private Path locks() {
        return base.resolve("locks");
    }

    Path lock(VmId vm) {
        return locks().resolve(vm.value());
    }

    /** Of the rollback of a VM; an id has no dot. */
    Path rollbackLock(VmId vm) {
        return locks().resolve(vm.value() + ".rollback");
    }

    Path vms() {
        return base.resolve("vms");
    }

    Path vm(VmId vm) {
        return vms().resolve(vm.value());
    }

    Path snapshot(VmId vm, SnapshotId id) {
        return vm(vm).resolve(id.value());
    }

    /** Where a VM's snapshots go to be freed. It is there before it is needed, so that on a full file system it has room. */
    Path deleted(VmId vm) {
        return vm(vm).resolve(DELETED);
    }

    Path deleted(VmId vm, SnapshotId id) {
        return deleted(vm).resolve(id.value());
    }

    Path metadata(VmId vm, SnapshotId id) {
        return snapshot(vm, id).resolve(METADATA);
    }

    Path image(VmId vm, SnapshotId id, DiskName disk) {
        return images(snapshot(vm, id)).resolve(fileName(disk));
    }

    static Path images(Path snapshot) {
        return snapshot.resolve("disks");
    }

    static String fileName(DiskName disk) {
        return disk.value() + ".raw";
    }

    Path staging() {
        return base.resolve("staging");
    }

    /** Nothing if an owner of this name cannot be: what stands in a property may be anybody's. */
    Optional<Path> staging(String owner) {
        if (owner.isEmpty() || owner.startsWith(".") || owner.contains("/")) {
            return Optional.empty();
        }
        try {
            return Optional.of(staging().resolve(owner));
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }

    Path staging(OperationId operation) {
        return staging().resolve(owner + operation);
    }

    Path intents() {
        return base.resolve("intents");
    }

    Path intent(VmId vm) {
        return intents().resolve(vm.value() + ".json");
    }

    /** What operations answered, a file each. */
    Path answers() {
        return base.resolve("answers");
    }

    Path answer(OperationId operation) {
        return answers().resolve(operation + ".json");
    }

    private Path changes() {
        return base.resolve("changes");
    }

    /** What this host tells the others. */
    Path changeLog() {
        return changes().resolve(node);
    }

    /** What a directory holds; nothing if it is absent. */
    static List<Path> entries(Path directory) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            stream.forEach(entries::add);
        } catch (NoSuchFileException | NotDirectoryException e) {
            // Removed since its parent was listed.
            return List.of();
        } catch (DirectoryIteratorException e) {
            if (e.getCause() instanceof NoSuchFileException) {
                // Removed since it was opened.
                return List.of();
            }
            throw e.getCause();
        }
        return entries;
    }
}
