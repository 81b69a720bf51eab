package org.flatsnap.catalog;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;

/**
 * The sorted maps of one catalog file and what is kept of them in memory, in step. The package's documentation lists them.
 *
 * <p>Changes and reads must not overlap; the catalog's lock sees to that. What is changed is durable after
 * {@link #commit()}, during which there may be readers.
 */
final class Index implements Closeable {
    private static final byte[] CLEAN = "clean".getBytes(StandardCharsets.UTF_8);

    private static final int RESULTS_AT_ONCE = 1000;
    private static final int ROWS_AT_ONCE = 1000;
    private static final int BLOCKS_AT_ONCE = 256;
    // What the rows in memory may take of it.
    private static final long TIMELINE_BYTES = Runtime.getRuntime().maxMemory() / 4;

    /** The kinds of changes that are logged; the first byte of each. */
    private static final byte PUT = 'p';

    private static final byte REMOVE = 'r';
    private static final byte RESULT = 'o';
    private static final byte MARK = 'c';

    private final Database database;
    private final Heap records;
    private final Table times;
    private final Table words;
    private final Table vms;
    private final Table marks;
    private final Counts counts;
    private final Results results;
    private final Map<Section, VmRow> rows = new TreeMap<>();
    // Rows that the table does not show yet; empty for a section that has gone.
    private final Map<Section, Optional<VmRow>> changedRows = new HashMap<>();
    private int nextVm;
    private Timeline timeline = new Timeline();
    // The timeline holds what stands before this; all if it is empty. Set while others read.
    private volatile Optional<byte[]> readUntil = Optional.of(Keys.ANY);
    private boolean tooManyRows;
    private Optional<Long> uncheckedBlock = Optional.of((long) BlockFile.CHECKED_AT_OPEN);

    private Index(Database database) throws IOException {
        this.database = database;
        this.records = database.heap();
        this.times = database.index("times");
        this.words = database.index("words");
        this.vms = database.index("vms");
        this.marks = database.index("marks");
        this.counts = new Counts(database.index("counts"));
        this.results = new Results(database);
        vms.walk().forEachRemaining(entry -> {
            VmRow row = VmRow.parse(entry.getValue());
            rows.put(Section.parse(new String(entry.getKey(), StandardCharsets.US_ASCII)), row);
            nextVm = Math.max(nextVm, row.number() + 1);
        });
        database.unfinished().forEach(this::redo);
        checkpoint();
    }

    /**
     * Opens or makes one, with all changes that were durable. Reads the list of VMs and what was changed last.
     *
     * @throws Damage if the file is not ours, of another layout, or damaged in a part that is read here
     */
    static Index open(Path path, BlockFile.Durability durability) throws IOException {
        Database database = Database.open(path, durability);
        try {
            return new Index(database);
        } catch (IOException | RuntimeException | AssertionError e) {
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
        database.note(new byte[] {MARK, (byte) (clean ? 1 : 0)});
    }

    void record(OperationId operation, String answer, Instant at) {
        byte[] value = Results.value(answer, at);
        results.record(operation, value);
        database.note(Keys.join(new byte[] {RESULT}, Keys.bytes(operation), value));
    }

    Optional<String> result(OperationId operation) {
        return results.find(operation);
    }

    /** Whether the next commit is a checkpoint. */
    boolean checkpointDue() {
        return database.checkpointDue();
    }

    /**
     * Puts what is kept in memory into the maps. A checkpoint does so itself; if there are readers, this is called before it,
     * while they wait, so that the checkpoint changes nothing that they read.
     */
    void gather() {
        counts.write();
        if (!changedRows.isEmpty()) {
            changedRows.forEach((section, row) -> row.ifPresentOrElse(
                    present -> vms.put(rowKey(section), present.bytes()), () -> vms.remove(rowKey(section))));
            changedRows.clear();
        }
    }

    /** Makes durable what was changed. */
    void commit() {
        if (checkpointDue()) {
            checkpoint();
        } else {
            database.commit();
        }
    }

    /** The same, and leaves nothing to be made again by who opens it next. */
    void checkpoint() {
        gather();
        database.checkpoint();
    }

    private void redo(byte[] change) {
        byte[] rest = Arrays.copyOfRange(change, 1, change.length);
        switch (change[0]) {
            case PUT -> put(SnapshotRecord.parse(rest));
            case REMOVE -> remove(new SnapshotId(new String(rest, StandardCharsets.US_ASCII)));
            case RESULT -> results.record(rest);
            case MARK -> mark(rest[0] == 1);
            default -> throw new Damage("there is no change of kind " + change[0]);
        }
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

    /**
     * Does some of what opening left to be done: reads rows into memory, then checks blocks.
     *
     * @return whether something is left
     * @throws Damage if it meets something that is not what was written
     */
    boolean catchUp() {
        if (readUntil.isPresent() && !tooManyRows) {
            readRows(readUntil.get());
            return true;
        }
        try {
            uncheckedBlock =
                    uncheckedBlock.isEmpty() ? uncheckedBlock : database.check(uncheckedBlock.get(), BLOCKS_AT_ONCE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return uncheckedBlock.isPresent();
    }

    private void readRows(byte[] from) {
        Iterator<Map.Entry<byte[], byte[]>> entries =
                times.walk(from, Bounds.NEWEST_FIRST.high(Keys.ANY), Order.OLDEST_FIRST);
        byte[] until = from;
        for (int read = 0; read < ROWS_AT_ONCE && entries.hasNext(); read++) {
            Map.Entry<byte[], byte[]> entry = entries.next();
            timeline.add(Row.of(entry.getKey(), entry.getValue()));
            until = Keys.join(entry.getKey(), new byte[1]);
        }
        if (timeline.bytes() > TIMELINE_BYTES) {
            // Searches go on to walk the table.
            tooManyRows = true;
            timeline = new Timeline();
            readUntil = Optional.of(Keys.ANY);
        } else {
            readUntil = entries.hasNext() ? Optional.of(until) : Optional.empty();
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
        return first(Keys.name(Section.used(vm), name)).or(() -> first(Keys.name(Section.retiredOf(vm), name)));
    }

    /** All of this name: those under way, those in use, those that are retired; of each the newest first. */
    List<Snapshot> named(VmId vm, SnapshotName name) {
        List<Snapshot> found = all(Keys.underWay(vm, name));
        found.addAll(all(Keys.name(Section.used(vm), name)));
        found.addAll(all(Keys.name(Section.retiredOf(vm), name)));
        return found;
    }

    List<Snapshot> underWay() {
        return all(Keys.UNDER_WAY);
    }

    private List<Snapshot> all(byte[] prefix) {
        List<Snapshot> found = new ArrayList<>();
        walk(prefix, Bounds.NEWEST_FIRST).forEachRemaining(entry -> found.add(load(entry)));
        return found;
    }

    Optional<Snapshot> newest(VmId vm) {
        return newest(Section.used(vm)).or(() -> newest(Section.retiredOf(vm)));
    }

    private Optional<Snapshot> newest(Section section) {
        return first(Keys.vm(section));
    }

    private Optional<Snapshot> first(byte[] prefix) {
        Iterator<Map.Entry<byte[], byte[]>> entries = walk(prefix, Bounds.NEWEST_FIRST);
        return entries.hasNext() ? Optional.of(load(entries.next())) : Optional.empty();
    }

    /** Reads the record that an entry of an index tells of. */
    Snapshot load(Map.Entry<byte[], byte[]> entry) {
        return load(recordIn(entry), Stamp.endOf(entry.getKey()));
    }

    /** Reads a record of which an index tells. */
    Snapshot load(long record, Stamp stamp) {
        return SnapshotRecord.parse(records.get(record), stamp);
    }

    private static long recordIn(Map.Entry<byte[], byte[]> entry) {
        return ByteBuffer.wrap(entry.getValue()).getLong();
    }

    /** Walks the snapshots under a prefix; {@link #load(Map.Entry)} reads them. */
    Iterator<Map.Entry<byte[], byte[]>> walk(byte[] prefix, Bounds bounds) {
        return words.walk(bounds.low(prefix), bounds.high(prefix), bounds.order());
    }

    /** Walks all snapshots that pass the filter, as far as signatures are known. */
    Iterator<Row> byTime(Bounds bounds, Timeline.Filter filter) {
        if (readUntil.isEmpty()) {
            return timeline.walk(bounds, filter);
        }
        Iterator<Map.Entry<byte[], byte[]>> entries =
                times.walk(bounds.low(Keys.ANY), bounds.high(Keys.ANY), bounds.order());
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return entries.hasNext();
            }

            @Override
            public Row next() {
                Map.Entry<byte[], byte[]> entry = entries.next();
                return Row.of(entry.getKey(), entry.getValue());
            }
        };
    }

    /** How many snapshots were taken within the bounds; empty as long as that takes a walk. */
    Optional<Long> countByTime(Bounds bounds) {
        return readUntil.isEmpty() ? Optional.of(timeline.count(bounds)) : Optional.empty();
    }

    List<VmEntry> vms(boolean retired) {
        List<VmEntry> entries = new ArrayList<>(rows.size());
        rows.forEach((section, row) -> {
            if (section.retired() == retired) {
                entries.add(row.entry(section.vm()));
            }
        });
        return entries;
    }

    /** The rows of all sections. Not to be changed, and not to be kept. */
    Map<Section, VmRow> rows() {
        return rows;
    }

    /** Differs from before when a section has come since. */
    int numbersGiven() {
        return nextVm;
    }

    Counts counts() {
        return counts;
    }

    /** The tags that any snapshot has. */
    List<Tag> tags() {
        return counts.tags();
    }

    /** Adds or replaces it and gives what was there. */
    Optional<Snapshot> put(Snapshot snapshot) {
        Optional<Map.Entry<byte[], byte[]>> entry = entryOf(snapshot.id());
        Optional<Snapshot> present = entry.map(this::load);
        if (present.equals(Optional.of(snapshot))) {
            return present;
        }
        entry.ifPresent(old -> take(present.orElseThrow(), recordIn(old)));
        byte[] record = SnapshotRecord.bytes(snapshot);
        add(snapshot, record);
        database.note(Keys.join(new byte[] {PUT}, record));
        return present;
    }

    /** Removes it and gives what was there. */
    Optional<Snapshot> remove(SnapshotId id) {
        Optional<Map.Entry<byte[], byte[]>> entry = entryOf(id);
        Optional<Snapshot> present = entry.map(this::load);
        entry.ifPresent(old -> {
            take(present.orElseThrow(), recordIn(old));
            database.note(Keys.join(new byte[] {REMOVE}, id.value().getBytes(StandardCharsets.US_ASCII)));
        });
        return present;
    }

    private Optional<Map.Entry<byte[], byte[]>> entryOf(SnapshotId id) {
        Iterator<Map.Entry<byte[], byte[]>> entries = walk(Keys.id(id), Bounds.NEWEST_FIRST);
        return entries.hasNext() ? Optional.of(entries.next()) : Optional.empty();
    }

    private void add(Snapshot snapshot, byte[] bytes) {
        long record = records.add(bytes);
        byte[] stamp = Stamp.of(snapshot).bytes();
        byte[] value = ByteBuffer.allocate(Long.BYTES).putLong(record).array();
        Keys.of(snapshot).forEach(prefix -> words.put(Keys.join(prefix, stamp), value));
        if (!snapshot.labels().underWay()) {
            show(snapshot, record, stamp);
        }
    }

    /** Enters it where lists and queries look. */
    private void show(Snapshot snapshot, long record, byte[] stamp) {
        Section section = Section.of(snapshot);
        VmRow before = rows.get(section);
        VmRow row = before == null ? VmRow.first(nextVm++, snapshot) : before.plus(snapshot);
        Row summary = Row.of(snapshot, record, row.number());
        times.put(stamp, summary.value());
        if (readUntil.map(end -> Arrays.compareUnsigned(stamp, end) < 0).orElse(true)) {
            timeline.add(summary);
        }
        counts.add(snapshot.labels().tags(), 1);
        set(section, Optional.of(row));
    }

    private void take(Snapshot snapshot, long record) {
        Stamp stamp = Stamp.of(snapshot);
        Keys.of(snapshot).forEach(prefix -> words.remove(Keys.join(prefix, stamp.bytes())));
        records.remove(record);
        if (!snapshot.labels().underWay()) {
            hide(snapshot, stamp);
        }
    }

    private void hide(Snapshot snapshot, Stamp stamp) {
        Section section = Section.of(snapshot);
        VmRow row = rows.get(section);
        if (row == null) {
            throw new Damage("VM " + section.word() + " is missing in the list of VMs");
        }
        counts.add(snapshot.labels().tags(), -1);
        timeline.remove(stamp);
        times.remove(stamp.bytes());
        if (!row.newest().equals(stamp)) {
            set(section, Optional.of(row.minusOld()));
        } else {
            set(section, newest(section).map(row::minusNewest));
        }
    }

    private void set(Section section, Optional<VmRow> row) {
        row.ifPresentOrElse(present -> rows.put(section, present), () -> rows.remove(section));
        changedRows.put(section, row);
    }

    private static byte[] rowKey(Section section) {
        return section.word().getBytes(StandardCharsets.US_ASCII);
    }
}
