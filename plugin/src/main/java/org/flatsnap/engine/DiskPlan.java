package org.flatsnap.engine;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.store.DiskSource;
import org.flatsnap.store.Store;

/** Which disks of a VM a snapshot is made of, by store; the first disk's store is the snapshot's home. */
record DiskPlan(Map<Store, List<DiskSource>> byStore) {
    private static final String MOVE = "Move it to a raw file or volume in a store (virsh blockcopy, qemu-img convert)";

    /** What can be done with one disk. */
    sealed interface Verdict {
        /** It can be part of a snapshot. */
        record Suitable(Store store, Path path) implements Verdict {}

        /** It is not part of snapshots, and that is as it should be. */
        record Skipped(String why) implements Verdict {}

        /** It should be part of a snapshot and cannot be. */
        record Unsuitable(String why, String remedy) implements Verdict {}
    }

    /**
     * Plans for all disks or the chosen ones.
     *
     * @throws Problem that names every disk in the way with its reason and remedy
     */
    static DiskPlan of(Vm vm, Set<DiskName> chosen, Stores stores) {
        refuseUnknown(vm, chosen);
        Map<Store, List<DiskSource>> byStore = new LinkedHashMap<>();
        List<String> reasons = new ArrayList<>();
        List<String> remedies = new ArrayList<>();
        for (Disk disk : vm.disks()) {
            if (!chosen.isEmpty() && !chosen.contains(disk.name())) {
                continue;
            }
            Verdict verdict = judge(disk, stores);
            if (verdict instanceof Verdict.Suitable suitable) {
                byStore.computeIfAbsent(suitable.store(), store -> new ArrayList<>())
                        .add(new DiskSource(disk.name(), suitable.path()));
            } else if (verdict instanceof Verdict.Unsuitable unsuitable) {
                reasons.add("disk " + disk.name() + " " + unsuitable.why());
                remedies.add(unsuitable.remedy());
            } else if (verdict instanceof Verdict.Skipped skipped && chosen.contains(disk.name())) {
                reasons.add("disk " + disk.name() + " " + skipped.why());
                remedies.add("Leave it out");
            }
        }
        String what = "cannot take a snapshot of VM " + vm;
        if (!reasons.isEmpty()) {
            throw new Problem(
                    Code.UNSUPPORTED,
                    what,
                    String.join("; ", reasons),
                    String.join("; ", remedies.stream().distinct().toList())
                            + (chosen.isEmpty() ? "; or name the other disks with --disk" : ""));
        }
        if (byStore.isEmpty()) {
            throw new Problem(
                    Code.UNSUPPORTED, what, "it has no disk to take a snapshot of", "Give it a raw disk in a store");
        }
        return new DiskPlan(byStore);
    }

    private static void refuseUnknown(Vm vm, Set<DiskName> chosen) {
        Set<DiskName> names = vm.disks().stream().map(Disk::name).collect(Collectors.toSet());
        for (DiskName name : chosen) {
            if (!names.contains(name)) {
                throw new Problem(
                        Code.NOT_FOUND,
                        "cannot take a snapshot of VM " + vm,
                        "it has no disk " + name,
                        "It has: "
                                + vm.disks().stream()
                                        .map(disk -> disk.name().value())
                                        .collect(Collectors.joining(", ")));
            }
        }
    }

    /** What can be done with one disk, and why not more. */
    static Verdict judge(Disk disk, Stores stores) {
        if (disk.removable()) {
            return new Verdict.Skipped("is a removable drive");
        }
        if (disk.readOnly()) {
            return new Verdict.Skipped("is read-only");
        }
        if (disk.kind() == Disk.Kind.OTHER || disk.source().isEmpty()) {
            return new Verdict.Unsuitable("is neither a file nor a volume (" + disk.source() + ")", MOVE);
        }
        if (!disk.format().equals("raw")) {
            return new Verdict.Unsuitable(
                    "is " + disk.format() + ", not raw",
                    "Convert it with the VM off: qemu-img convert -O raw " + disk.source()
                            + " NEW.raw, then name NEW.raw with type='raw' in the definition");
        }
        Path path;
        try {
            path = LivePath.existing(disk.source());
        } catch (IOException e) {
            return new Verdict.Unsuitable(
                    "is missing (" + disk.source() + ")", "Put the file where the definition says, or correct that");
        }
        boolean volume = path.startsWith(ZvolDevices.LINKS);
        if (!volume && !Files.isRegularFile(path)) {
            return new Verdict.Unsuitable("is neither a regular file nor a ZFS volume (" + path + ")", MOVE);
        }
        if (volume && LivePath.passing(disk.source())) {
            return new Verdict.Unsuitable(
                    "is named by a device that changes (" + disk.source() + ")",
                    "Name it " + path + " in the definition");
        }
        Optional<Store> store = stores.covering(path);
        if (store.isEmpty()) {
            return outside(path, volume);
        }
        return store.get()
                .obstacle(path)
                .<Verdict>map(problem -> new Verdict.Unsuitable(problem.why(), problem.remedy()))
                .orElseGet(() -> new Verdict.Suitable(store.get(), path));
    }

    private static Verdict outside(Path path, boolean volume) {
        String dataset = volume
                ? ZvolDevices.LINKS.relativize(path.getParent()).toString()
                : fileSystem(path)
                        .filter(mounted -> mounted.type().equals("zfs"))
                        .map(FileStore::name)
                        .orElse("");
        String key = dataset.isEmpty()
                ? "path = \"" + path.getParent() + "\" to /etc/flatsnap/flatsnap.toml if its file system has reflink"
                : "dataset = \"" + dataset + "\" to /etc/flatsnap/flatsnap.toml";
        return new Verdict.Unsuitable(
                "lies outside every store (" + path + ")",
                "Add [[store]] with " + key + ", and restart flatsnapd; or move the disk into a store");
    }

    private static Optional<FileStore> fileSystem(Path path) {
        try {
            return Optional.of(Files.getFileStore(path));
        } catch (IOException e) {
            // What kind it is, is only needed for advice.
            return Optional.empty();
        }
    }

    /** Whether the clones of all its disks show one moment without the guest's standing still. */
    boolean atOneMoment() {
        return size() == 1
                || byStore.size() == 1 && byStore.keySet().iterator().next().clonesTogether();
    }

    List<StoreId> storeIds() {
        return byStore.keySet().stream().map(Store::id).toList();
    }

    int size() {
        return byStore.values().stream().mapToInt(List::size).sum();
    }
}
