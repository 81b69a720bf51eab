package org.flatsnap.engine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;

/**
 * The model of a VM with snapshots: each disk of each snapshot is a plain copy in memory. An array is never written to once it
 * is here.
 */
final class PlainVm {
    final VmId id;
    final String name;
    final Map<DiskName, Path> paths = new LinkedHashMap<>();
    /** What lies on the disks, also on those that its definition does not have at present. */
    final Map<DiskName, byte[]> live = new LinkedHashMap<>();
    /** The disks that its definition has. */
    Set<DiskName> attached = new TreeSet<>();
    /** Oldest first. */
    final List<Copy> copies = new ArrayList<>();

    PlainVm(VmId id, String name) {
        this.id = id;
        this.name = name;
    }

    /**
     * A snapshot.
     *
     * @param snapshot what the engine said of it
     * @param disks the bytes
     * @param attached the disks that the definition had
     */
    record Copy(Snapshot snapshot, Map<DiskName, byte[]> disks, Set<DiskName> attached) {
        SnapshotName name() {
            return snapshot.name();
        }

        boolean held() {
            return snapshot.labels().held();
        }

        boolean partialGuard() {
            return snapshot.guard().filter(Snapshot.Guard::partial).isPresent();
        }
    }

    void attach(DiskName disk, Path path, byte[] content) {
        paths.put(disk, path);
        live.put(disk, content);
        attached.add(disk);
    }

    void write(DiskName disk, int position, byte[] bytes) {
        byte[] whole = live.get(disk).clone();
        System.arraycopy(bytes, 0, whole, position, bytes.length);
        live.put(disk, whole);
    }

    void resize(DiskName disk, int length) {
        live.put(disk, Arrays.copyOf(live.get(disk), length));
    }

    /** Remembers a snapshot that was just taken of these disks. */
    void keep(Snapshot snapshot, Set<DiskName> disks) {
        Map<DiskName, byte[]> content = new LinkedHashMap<>(live);
        content.keySet().retainAll(disks);
        copies.add(new Copy(snapshot, content, Set.copyOf(attached)));
    }

    void putBack(Copy copy, Set<DiskName> disks, boolean definition) {
        disks.forEach(disk -> live.put(disk, copy.disks().get(disk)));
        if (definition) {
            attached = new TreeSet<>(copy.attached());
        }
    }

    Copy replace(Copy copy, Snapshot changed) {
        Copy other = new Copy(changed, copy.disks(), copy.attached());
        copies.set(copies.indexOf(copy), other);
        return other;
    }
}
