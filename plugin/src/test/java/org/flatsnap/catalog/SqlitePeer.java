package org.flatsnap.catalog;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Tag;

/**
 * SQLite with an index for each question and its full text search in words of three letters; snapshots stand in the same form as
 * in the catalog. Every thread has a connection of its own; the journal is a write-ahead log, synced with every commit.
 *
 * <p>Rows are numbered in the order of time, which lets its text search give pages without sorting all that match: an advantage that
 * it would lose with the first snapshot of another store that arrives late.
 */
final class SqlitePeer implements Peer {
    private static final List<String> TABLES = List.of(
            "CREATE TABLE snapshot (number INTEGER PRIMARY KEY, taken INTEGER, id TEXT, operation TEXT, vm TEXT,"
                    + " record BLOB)",
            "CREATE TABLE tag (tag TEXT, taken INTEGER, number INTEGER, PRIMARY KEY (tag, taken, number)) WITHOUT ROWID",
            "CREATE TABLE vm_tag (vm TEXT, tag TEXT, taken INTEGER, number INTEGER,"
                    + " PRIMARY KEY (vm, tag, taken, number)) WITHOUT ROWID",
            "CREATE VIRTUAL TABLE texts USING fts5 (name, description, tokenize = 'trigram case_sensitive 0')");
    private static final List<String> INDEXES = List.of(
            "CREATE INDEX by_taken ON snapshot (taken)",
            "CREATE UNIQUE INDEX by_id ON snapshot (id)",
            "CREATE INDEX by_operation ON snapshot (operation)",
            "CREATE INDEX by_vm ON snapshot (vm, taken)");
    private static final String RECORDS = "SELECT record FROM snapshot s ";
    private static final String PAGE = " LIMIT " + Question.PAGE;

    private final String url;
    private final List<Connection> connections = new ArrayList<>();
    private final ThreadLocal<Map<String, PreparedStatement>> statements = ThreadLocal.withInitial(HashMap::new);
    private final ThreadLocal<Connection> connection = ThreadLocal.withInitial(this::connect);

    SqlitePeer(Path directory) {
        this.url = "jdbc:sqlite:" + directory.resolve("sqlite.db");
    }

    private Connection connect() {
        try {
            Connection made = DriverManager.getConnection(url);
            try (Statement statement = made.createStatement()) {
                statement.execute("PRAGMA journal_mode = WAL");
                statement.execute("PRAGMA synchronous = FULL");
                statement.execute("PRAGMA busy_timeout = 60000");
            }
            synchronized (connections) {
                connections.add(made);
            }
            return made;
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Makes the tables, fills them in one go and makes the indexes then, which is the fastest way. */
    void fill(Iterator<Snapshot> inOrder, IntConsumer progress) {
        try (Statement statement = connection.get().createStatement()) {
            for (String table : TABLES) {
                statement.execute(table);
            }
            connection.get().setAutoCommit(false);
            for (int i = 1; inOrder.hasNext(); i++) {
                add(inOrder.next());
                if (i % 10_000 == 0) {
                    connection.get().commit();
                    progress.accept(i);
                }
            }
            for (String index : INDEXES) {
                statement.execute(index);
            }
            connection.get().commit();
            connection.get().setAutoCommit(true);
            statement.execute("ANALYZE");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void insert(Snapshot snapshot) {
        try (Statement statement = connection.get().createStatement()) {
            statement.execute("BEGIN IMMEDIATE");
            add(snapshot);
            statement.execute("COMMIT");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private void add(Snapshot snapshot) throws SQLException {
        long taken = nanos(snapshot.takenAt());
        PreparedStatement insert =
                prepared("INSERT INTO snapshot (taken, id, operation, vm, record) VALUES (?, ?, ?, ?, ?)");
        insert.setLong(1, taken);
        insert.setString(2, snapshot.id().value());
        insert.setString(3, snapshot.operation().toString());
        insert.setString(4, snapshot.vm().value());
        insert.setBytes(5, SnapshotRecord.bytes(snapshot));
        insert.executeUpdate();
        for (Tag tag : snapshot.labels().tags()) {
            PreparedStatement tagged = prepared("INSERT INTO tag VALUES (?, ?, last_insert_rowid())");
            tagged.setString(1, tag.value());
            tagged.setLong(2, taken);
            tagged.executeUpdate();
            PreparedStatement ofVm = prepared("INSERT INTO vm_tag VALUES (?, ?, ?, last_insert_rowid())");
            ofVm.setString(1, snapshot.vm().value());
            ofVm.setString(2, tag.value());
            ofVm.setLong(3, taken);
            ofVm.executeUpdate();
        }
        PreparedStatement texts =
                prepared("INSERT INTO texts (rowid, name, description) VALUES (last_insert_rowid(), ?, ?)");
        texts.setString(1, snapshot.name().value());
        texts.setString(2, snapshot.labels().description().value());
        texts.executeUpdate();
    }

    @Override
    public List<Snapshot> answer(Question.Asked asked) {
        String vm = asked.vm().value();
        long from = nanos(asked.from());
        String keep = Question.Asked.KEEP.value();
        String tagged = "FROM tag t JOIN snapshot s USING (number) WHERE t.tag = ? AND t.taken < ?";
        return switch (asked.question()) {
            case POINT -> rows(RECORDS + "WHERE id = ?", asked.id().value());
            case DAY ->
                rows(
                        RECORDS + "WHERE vm = ? AND taken >= ? AND taken < ? ORDER BY taken" + PAGE,
                        vm,
                        from,
                        nanos(asked.until()));
            case VM -> rows(RECORDS + "WHERE vm = ? AND taken >= ? ORDER BY taken" + PAGE, vm, from);
            case TIME -> rows(RECORDS + "WHERE taken < ? ORDER BY taken DESC" + PAGE, from);
            case TAG -> rows("SELECT s.record " + tagged + " ORDER BY t.taken DESC" + PAGE, keep, from);
            case TAG_OF_VM ->
                rows(
                        "SELECT s.record FROM vm_tag t JOIN snapshot s USING (number) WHERE t.vm = ? AND t.tag = ?"
                                + " ORDER BY t.taken DESC" + PAGE,
                        vm,
                        keep);
            case TAGS ->
                rows(
                        "SELECT s.record " + tagged
                                + " AND EXISTS (SELECT 1 FROM tag o WHERE o.tag = ? AND o.taken = t.taken"
                                + " AND o.number = t.number)"
                                + " AND EXISTS (SELECT 1 FROM tag o WHERE o.tag = ? AND o.taken = t.taken"
                                + " AND o.number = t.number) ORDER BY t.taken DESC" + PAGE,
                        keep,
                        from,
                        Question.Asked.PROD.value(),
                        Question.Asked.CHANGE.value());
            case GLOB_PREFIX, GLOB_MIDDLE, GLOB_NONE -> rows(texts("name GLOB ?"), asked.word());
            case TEXT, TEXT_RARE, TEXT_NONE ->
                rows(texts("texts MATCH ? AND s.taken < ?"), '"' + asked.word() + '"', from);
        };
    }

    private static String texts(String condition) {
        // Cross: the planner keeps the order, and with it that of time.
        return "SELECT s.record FROM texts CROSS JOIN snapshot s ON s.number = texts.rowid WHERE " + condition
                + " ORDER BY texts.rowid DESC" + PAGE;
    }

    private List<Snapshot> rows(String sql, Object... arguments) {
        try {
            PreparedStatement statement = prepared(sql);
            for (int i = 0; i < arguments.length; i++) {
                statement.setObject(i + 1, arguments[i]);
            }
            List<Snapshot> found = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.add(SnapshotRecord.parse(rows.getBytes(1)));
                }
            }
            return found;
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private PreparedStatement prepared(String sql) throws SQLException {
        PreparedStatement known = statements.get().get(sql);
        if (known == null) {
            known = connection.get().prepareStatement(sql);
            statements.get().put(sql, known);
        }
        return known;
    }

    private static long nanos(Instant moment) {
        return TimeUnit.SECONDS.toNanos(moment.getEpochSecond()) + moment.getNano();
    }

    @Override
    public void close() {
        synchronized (connections) {
            try {
                for (Connection open : connections) {
                    open.close();
                }
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
