package org.flatsnap.catalog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a fault of MapDB itself would look like: whole blocks that hold wrong entries. */
class TableTest {
    private static final byte[] A = "a".getBytes(UTF_8);
    private static final byte[] B = "b".getBytes(UTF_8);

    private final NavigableMap<byte[], byte[]> map = new TreeMap<>(Arrays::compareUnsigned);
    private final Table table = new Table("table", map);

    @Test
    void whatWasPutIsRead() {
        table.put(A, "one".getBytes(UTF_8));
        table.put(B, new byte[0]);
        assertThat(table.get(A)).contains("one".getBytes(UTF_8));
        assertThat(table.get(B)).contains(new byte[0]);
        assertThat(table.get("c".getBytes(UTF_8))).isEmpty();
        assertThat(table.putIfAbsent(A, B)).isFalse();
        assertThat(table.get(A)).contains("one".getBytes(UTF_8));
    }

    @Test
    void anyFlippedBitOfAValueIsFound() {
        table.put(A, "one".getBytes(UTF_8));
        byte[] stored = map.get(A);
        for (int bit = 0; bit < stored.length * Byte.SIZE; bit++) {
            byte[] flipped = stored.clone();
            flipped[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
            map.put(A, flipped);
            assertDamaged(table, A);
        }
    }

    @Test
    void aValueOfAnotherKeyOrAnotherTableIsFound() {
        table.put(A, "one".getBytes(UTF_8));
        table.put(B, "two".getBytes(UTF_8));
        byte[] one = map.get(A);
        assertDamaged(new Table("other", map), A);
        map.put(A, map.get(B));
        map.put(B, one);
        assertDamaged(table, A);
        assertDamaged(table, B);
        assertThatThrownBy(() -> table.walk().next()).isInstanceOf(Damage.class);
    }

    @Test
    void aValueThatIsTooShortIsFound() {
        map.put(A, new byte[3]);
        assertDamaged(table, A);
    }

    @Test
    void anIndexThatTellsOfARecordThatIsMissingIsDamaged(@TempDir Path directory) throws Exception {
        Snapshot snapshot = Snapshots.sample("s1");
        Path file = directory.resolve("catalog.db");
        try (Catalog catalog = Catalog.open(file)) {
            catalog.replaceAll(List.of(snapshot).iterator());
        }
        try (Database database = Database.open(file, BlockFile.Durability.EACH_COMMIT)) {
            byte[] entry = database.index("words").walk().next().getValue();
            database.heap().remove(ByteBuffer.wrap(entry).getLong());
            database.checkpoint();
        }
        try (Catalog catalog = Catalog.open(file)) {
            for (Runnable read : List.<Runnable>of(
                    () -> catalog.find(snapshot.id()),
                    () -> catalog.find(snapshot.vm(), snapshot.name()),
                    () -> catalog.findByOperation(snapshot.operation()),
                    () -> catalog.newest(snapshot.vm()),
                    () -> catalog.query(SnapshotQuery.ALL))) {
                assertThatThrownBy(read::run).isInstanceOf(Problem.class).hasMessageContaining("is damaged");
            }
            assertThat(catalog.needsRebuild()).isTrue();
            catalog.replaceAll(List.of(snapshot).iterator());
            assertThat(catalog.find(snapshot.id())).contains(snapshot);
        }
    }

    private static void assertDamaged(Table table, byte[] key) {
        assertThatThrownBy(() -> table.get(key)).isInstanceOf(Damage.class);
    }
}
