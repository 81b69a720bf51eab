package org.flatsnap.model;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Snapshots for tests. */
public final class Snapshots {
    /** The moment {@link #sample} was taken. */
    public static final Instant NOON = Instant.parse("2026-11-22T08:16:37.123Z");

    /** The VM of {@link #sample}. */
    public static final VmId WEB01 = new VmId("5f3a09bc-0000-4000-8000-000000000eb1");

    private static final StoreId STORE = StoreId.parse("11111111-2222-4333-8444-555555555555");

    private Snapshots() {}

    /** A snapshot of {@code web01} with two disks. */
    public static Snapshot sample(String name) {
        return of(WEB01, "web01", name, NOON, new Labels(new Description("before the upgrade"), tags("prod"), false));
    }

    /** Any snapshot; its id follows from its time and name. */
    public static Snapshot of(VmId vm, String vmName, String name, Instant takenAt, Labels labels) {
        return new Snapshot(
                SnapshotId.of(takenAt, (vm + name).hashCode()),
                vm,
                new VmName(vmName),
                new SnapshotName(name),
                takenAt,
                labels,
                Optional.empty(),
                Optional.empty(),
                new Quiescence(Consistency.FILESYSTEM, Consistency.FILESYSTEM, VmState.RUNNING, 70, 0, false, ""),
                STORE,
                List.of(
                        new DiskImage(new DiskName("vda"), STORE, "/images/web01.raw", 1 << 20),
                        new DiskImage(new DiskName("vdb"), STORE, "/images/web01-data.raw", 2 << 20)),
                Optional.empty(),
                OperationId.random());
    }

    /** Tags from words. */
    public static SortedSet<Tag> tags(String... words) {
        return Stream.of(words).map(Tag::new).collect(TreeSet::new, TreeSet::add, TreeSet::addAll);
    }
}
