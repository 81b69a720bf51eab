package org.flatsnap.engine;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.FileIdentity;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.store.CloneOut;
import org.flatsnap.store.Store;
import org.flatsnap.store.VmLock;

/**
 * Makes a new VM from a snapshot: its disks are clones beside the original's, its definition has a new identity.
 *
 * <p>The new VM's UUID follows from the operation's id, so that a retry finds what the first try made, and recovery can tell
 * whether new files belong to a VM.
 */
final class CloneVm {
    private final References references;
    private final Stores stores;
    private final Manager manager;
    private final FinishRollback finishing;
    private final ChangeSnapshot changing;

    CloneVm(References references, Stores stores, Manager manager, FinishRollback finishing, ChangeSnapshot changing) {
        this.references = references;
        this.stores = stores;
        this.manager = manager;
        this.finishing = finishing;
        this.changing = changing;
    }

    CloneResult clone(OperationId operation, String vm, String snapshot, VmName name, Progress progress) {
        VmId source = references.vmId(vm);
        Snapshot from = references.ownSnapshot(source, snapshot);
        VmId id = new VmId(UUID.nameUUIDFromBytes(operation.toString().getBytes(StandardCharsets.UTF_8))
                .toString());
        Optional<Vm> earlier = manager.find(id);
        if (earlier.isPresent()) {
            return result(earlier.get(), List.of());
        }
        refuseName(name);
        stores.refuseFull("cannot make VM " + name, from.stores());
        Map<DiskName, Path> files = files(from, name);
        Optional<Path> firmware = from.firmware().map(file -> CloneOut.companion(Path.of(file), name, id));
        Manager.CloneDefinition definition = manager.prepareClone(definition(from), id, name, files, firmware);

        List<CloneOut> made = new ArrayList<>();
        try {
            try (VmLock lock = stores.lock(source, from.stores())) {
                References.refuseOther(from, references.ownSnapshot(source, snapshot));
                changing.present(from);
                progress.step("cloning " + files.size() + (files.size() == 1 ? " disk" : " disks"));
                for (StoreId store :
                        from.disks().stream().map(DiskImage::store).distinct().toList()) {
                    made.add(
                            stores.require(store).cloneOut(operation, from, id, targets(from, store, files), firmware));
                }
                firmware.ifPresent(file -> copyFirmware(from, file));
            }
            progress.step("defining VM " + name);
            manager.define(definition.definition());
            made.forEach(CloneOut::keep);
        } catch (Problem e) {
            settle(id, made, e);
            throw taken(name, id) ? existing(name, e) : e;
        } finally {
            Closing.each(made, CloneOut::close);
        }
        return result(manager.find(id).orElseThrow(() -> vanished(name)), definition.warnings());
    }

    /** Others keep no definition, so that of a snapshot that was theirs is the VM's present one. */
    private String definition(Snapshot from) {
        if (from.foreign().isPresent()) {
            return references.vm(from.vm().value()).definition();
        }
        try {
            return finishing.definition(from);
        } catch (Problem e) {
            // No lock is held yet, so it may just have been deleted.
            changing.present(from);
            throw e;
        }
    }

    /** A connection that broke says nothing about whether the VM was defined, and the disks of a VM must not be taken away. */
    private void settle(VmId id, List<CloneOut> made, Problem failure) {
        try {
            if (manager.find(id).isPresent()) {
                made.forEach(CloneOut::keep);
            } else if (failure.getCause() instanceof TimeoutException) {
                // It may be defined yet.
                made.forEach(CloneOut::leaveToRecovery);
            }
        } catch (Problem e) {
            failure.addSuppressed(e);
            made.forEach(CloneOut::leaveToRecovery);
        }
    }

    private static Problem vanished(VmName name) {
        return new Problem(
                Code.UNAVAILABLE,
                "cannot find the new VM " + name,
                "somebody removed it right after it was made",
                "Look at the manager's log");
    }

    private static CloneResult result(Vm vm, List<String> warnings) {
        return new CloneResult(
                vm.id(),
                vm.name(),
                vm.disks().stream().map(disk -> disk.source()).toList(),
                warnings);
    }

    private void refuseName(VmName name) {
        if (manager.vms().stream().anyMatch(vm -> vm.name().equals(name))) {
            throw existing(name, null);
        }
    }

    /** Whether another VM got the name while this one was made, for which the manager refused this one. */
    private boolean taken(VmName name, VmId id) {
        try {
            return manager.vms().stream()
                    .anyMatch(vm -> vm.name().equals(name) && !vm.id().equals(id));
        } catch (Problem e) {
            return false;
        }
    }

    private static Problem existing(VmName name, Problem cause) {
        return new Problem(
                Code.EXISTS,
                "cannot make VM " + name,
                "there is a VM of that name",
                "Choose another name, see 'flatsnap vms'",
                cause);
    }

    private Map<DiskName, Path> files(Snapshot from, VmName name) {
        Map<DiskName, Path> files = new LinkedHashMap<>();
        for (DiskImage image : from.disks()) {
            Path file = stores.require(image.store()).cloneTarget(image, name);
            if (Files.exists(file)) {
                throw new Problem(
                        Code.EXISTS,
                        "cannot make VM " + name,
                        file + " exists",
                        "Choose another name, or move that away");
            }
            files.put(image.disk(), file);
        }
        return files;
    }

    private static List<Store.Target> targets(Snapshot from, StoreId store, Map<DiskName, Path> files) {
        return from.disks().stream()
                .filter(image -> image.store().equals(store))
                .map(image -> new Store.Target(image.disk(), files.get(image.disk())))
                .toList();
    }

    private void copyFirmware(Snapshot from, Path target) {
        Path saved = stores.require(from.home()).savedFile(from.vm(), from.id(), Snapshot.FIRMWARE_FILE);
        try {
            // The name carries the new VM's id: what stands there is this operation's own, left by a first try.
            Files.copy(saved, target, StandardCopyOption.REPLACE_EXISTING);
            FileIdentity.copy(saved, target);
            Durability.sync(target);
            Durability.sync(target.getParent());
        } catch (IOException e) {
            throw new Problem(
                    Code.UNAVAILABLE,
                    "cannot write the NVRAM " + target,
                    String.valueOf(e.getMessage()),
                    "Check that its directory exists and has room",
                    e);
        }
    }
}
