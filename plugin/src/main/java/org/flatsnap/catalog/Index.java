package org.flatsnap.catalog;

import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;

/**
 * The sorted maps of one catalog file, kept in step. The package's documentation lists them.
 *
 * <p>Changes and reads must not overlap; the catalog's lock sees to that. What is changed is durable after
 * {@link #commit()}.
 */
final class Index implements Closeable {
    private static final byte[] CLEAN = "clean".getBytes(StandardCharsets.UTF_8);

    private static final int RESULTS_AT_ONCE = 1000;

    private final Database database;
    private final Table records;
    private final Table times;
    private final Table words;
    private final Table vms;
    private final Table marks;
    private final Counts counts;
    private final Results results;

    private Index(Database database) {
        this.database = database;
        this.records = database.records("records");
        this.times = database.index("times");
        this.words = database.index("words");
        this.vms = database.index("vms");
        this.marks = database.index("marks");
        this.counts = new Counts(database.index("counts"));
        this.results = new Results(database);
    }

    /**
     * Opens or makes one. Reads all of the file once.
     *
     * @throws Damage if the file is not ours, of another layout, or damaged
     */
    static Index open(Path path, BlockFile.Durability durability) throws IOException {
        Database database = Database.open(path, durability);
        try {
            return new Index(database);
        } catch (RuntimeException e) {
            database.close();
            throw e;
        }
    }

    /** Whether it was closed in good order, knowing all there was to know. */
    boolean isClean() {
        return marks.contains(CLEAN);
    }

    void mark(boolean clean) {
        if (clean) {
            marks.put(CLEAN, new byte[0]);
        } else {
            marks.remove(CLEAN);
        }
    }

    Results results() {
        return results;
    }

    void commit() {
        database.commit();
    }

    /** Adds the results of operations that another one has. */
    void addResults(Index other) {
        Iterator<Map.Entry<byte[], byte[]>> theirs = other.results.walk();
        for (int added = 1; theirs.hasNext(); added++) {
            results.add(theirs.next());
            if (added % RESULTS_AT_ONCE == 0) {
                commit();
            }
        }
    }

    /** Closes it as the last commit left it. */
    @Override
    public void close() throws IOException {
        database.close();
    }

    Optional<Snapshot> find(SnapshotId id) {
        return first(Keys.id(id));
    }

    Optional<Snapshot> find(OperationId operation) {
        return first(Keys.operation(operation));
    }

    Optional<Snapshot> find(VmId vm, SnapshotName name) {
        return first(Keys.name(vm, name));
    }

    Optional<Snapshot> newest(VmId vm) {
        return row(vm).map(row -> load(vm, row.newest()));
    }

    private Optional<Snapshot> first(byte[] wordPrefix) {
        Iterator<Map.Entry<byte[], byte[]>> entries = scan(words, wordPrefix, Bounds.NEWEST_FIRST);
        if (!entries.hasNext()) {
            return Optional.empty();
        }
        Map.Entry<byte[], byte[]> entry = entries.next();
        return Optional.of(load(vmIn(entry), Stamp.endOf(entry.getKey())));
    }

    /** Reads a record of which an index tells. */
    Snapshot load(VmId vm, Stamp stamp) {
        return records.get(recordKey(vm, stamp))
                .map(bytes -> checked(bytes, vm, stamp))
                .orElseThrow(() -> new Damage("the record of " + stamp.id() + " is missing"));
    }

    /** Walks one VM's snapshots. */
    Iterator<Map.Entry<byte[], byte[]>> byVm(VmId vm, Bounds bounds) {
        return scan(records, Keys.vm(vm), bounds);
    }

    Snapshot snapshotIn(Map.Entry<byte[], byte[]> recordEntry, VmId vm) {
        return checked(recordEntry.getValue(), vm, Stamp.endOf(recordEntry.getKey()));
    }

    private static Snapshot checked(byte[] bytes, VmId vm, Stamp stamp) {
        Snapshot snapshot = SnapshotRecord.parse(bytes);
        if (!snapshot.vm().equals(vm) || !Stamp.of(snapshot).equals(stamp)) {
            throw new Damage("the record of " + stamp.id() + " holds " + snapshot.id());
        }
        return snapshot;
    }

    /** Walks all snapshots; the values are summaries. */
    Iterator<Map.Entry<byte[], byte[]>> byTime(Bounds bounds) {
        return scan(times, Keys.ANY, bounds);
    }

    /** Walks the snapshots under a tag or name; the values are what {@link #vmIn} reads. */
    Iterator<Map.Entry<byte[], byte[]>> byWord(byte[] prefix, Bounds bounds) {
        return scan(words, prefix, bounds);
    }

    VmId vmIn(Map.Entry<byte[], byte[]> wordEntry) {
        return new VmId(new String(wordEntry.getValue(), StandardCharsets.US_ASCII));
    }

    private static Iterator<Map.Entry<byte[], byte[]>> scan(Table table, byte[] prefix, Bounds bounds) {
        return table.walk(bounds.low(prefix), bounds.high(prefix), bounds.order());
    }

    List<VmEntry> vms() {
        List<VmEntry> entries = new ArrayList<>();
        vms.walk().forEachRemaining(row -> {
            VmId vm = new VmId(new String(row.getKey(), StandardCharsets.US_ASCII));
            entries.add(VmRow.parse(row.getValue()).entry(vm));
        });
        return entries;
    }

    Optional<VmRow> row(VmId vm) {
        return vms.get(rowKey(vm)).map(VmRow::parse);
    }

    /** How many snapshots there are. */
    long total() {
        return counts.of(Keys.ANY);
    }

    /** How many snapshots are under a tag or name. */
    long count(byte[] wordPrefix) {
        return counts.of(wordPrefix);
    }

    /** The tags that any snapshot has. */
    List<Tag> tags() {
        return counts.prefixes(Keys.tags()).stream().map(Keys::tagIn).toList();
    }

    /** Snapshots of one VM, oldest first. */
    List<Snapshot> between(VmId vm, Instant from, Instant until) {
        List<Snapshot> found = new ArrayList<>();
        Bounds bounds = new Bounds(Optional.of(from), Optional.of(until), Optional.empty(), Order.OLDEST_FIRST);
        byVm(vm, bounds).forEachRemaining(entry -> found.add(snapshotIn(entry, vm)));
        return found;
    }

    void put(Snapshot snapshot) {
        Optional<Snapshot> present = find(snapshot.id());
        if (present.equals(Optional.of(snapshot))) {
            return;
        }
        present.ifPresent(this::take);
        add(snapshot);
    }

    /** Removes it and says of which VM it was; empty if it was not there. */
    Optional<VmId> remove(SnapshotId id) {
        Optional<Snapshot> present = find(id);
        present.ifPresent(this::take);
        return present.map(Snapshot::vm);
    }

    private void add(Snapshot snapshot) {
        Stamp stamp = Stamp.of(snapshot);
        VmId vm = snapshot.vm();
        byte[] vmValue = vm.value().getBytes(StandardCharsets.US_ASCII);
        records.put(recordKey(vm, stamp), SnapshotRecord.bytes(snapshot));
        times.put(stamp.bytes(), Summary.of(snapshot).bytes());
        Keys.identities(snapshot).forEach(prefix -> words.put(Keys.join(prefix, stamp.bytes()), vmValue));
        counted(snapshot).forEach(prefix -> {
            words.put(Keys.join(prefix, stamp.bytes()), vmValue);
            counts.add(prefix, 1);
        });
        counts.add(Keys.ANY, 1);
        vms.put(
                rowKey(vm),
                row(vm).map(row -> row.plus(snapshot))
                        .orElseGet(() -> VmRow.first(snapshot))
                        .bytes());
    }

    private void take(Snapshot snapshot) {
        Stamp stamp = Stamp.of(snapshot);
        VmId vm = snapshot.vm();
        counts.add(Keys.ANY, -1);
        counted(snapshot).forEach(prefix -> {
            words.remove(Keys.join(prefix, stamp.bytes()));
            counts.add(prefix, -1);
        });
        Keys.identities(snapshot).forEach(prefix -> words.remove(Keys.join(prefix, stamp.bytes())));
        times.remove(stamp.bytes());
        records.remove(recordKey(vm, stamp));
        VmRow row = row(vm).orElseThrow(() -> new Damage("VM " + vm + " is missing in the list of VMs"));
        Iterator<Map.Entry<byte[], byte[]>> rest = byVm(vm, Bounds.NEWEST_FIRST);
        if (!rest.hasNext()) {
            vms.remove(rowKey(vm));
        } else if (row.newest().equals(stamp)) {
            Snapshot newest = snapshotIn(rest.next(), vm);
            vms.put(rowKey(vm), new VmRow(row.snapshots() - 1, Stamp.of(newest), newest.vmName()).bytes());
        } else {
            vms.put(rowKey(vm), new VmRow(row.snapshots() - 1, row.newest(), row.name()).bytes());
        }
    }

    private static List<byte[]> counted(Snapshot snapshot) {
        Stream<byte[]> tags = snapshot.labels().tags().stream().map(Keys::tag);
        return Stream.concat(Stream.of(Keys.name(snapshot.name().value())), tags)
                .toList();
    }

    private static byte[] recordKey(VmId vm, Stamp stamp) {
        return Keys.join(Keys.vm(vm), stamp.bytes());
    }

    private static byte[] rowKey(VmId vm) {
        return vm.value().getBytes(StandardCharsets.US_ASCII);
    }
}
