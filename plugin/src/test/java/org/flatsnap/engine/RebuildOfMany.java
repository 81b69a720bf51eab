package org.flatsnap.engine;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.store.KnownStores;
import org.flatsnap.store.StorePlace;
import org.flatsnap.store.StoredSnapshots;

/**
 * A process that makes a catalog from a store of very many snapshots and tells of it. By hand, on any directory of a file
 * system with reflink:
 *
 * <pre>java -Xmx64m -cp plugin/target/test-classes:... org.flatsnap.engine.RebuildOfMany /mnt/store 100000</pre>
 */
final class RebuildOfMany {
    private RebuildOfMany() {}

    /** Takes the store's directory and how many snapshots to put there first. */
    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[0]);
        int count = Integer.parseInt(arguments[1]);
        long begun = System.nanoTime();
        StoredSnapshots.write(directory, count);
        System.out.println("wrote " + count + " records in " + seconds(begun));

        Path state = Files.createTempDirectory("flatsnap-state-");
        try (Stores stores = new Stores(
                        List.of(new StorePlace.Directory(directory)),
                        KnownStores.read(state.resolve("stores.json")),
                        Duration.ofSeconds(1));
                Catalog catalog = Catalog.open(state.resolve("catalog.db"))) {
            RebuildCatalog rebuild = new RebuildCatalog(stores, catalog, (store, orphan) -> {
                throw new AssertionError(orphan);
            });
            for (String which : List.of("first", "second")) {
                begun = System.nanoTime();
                rebuild.rebuild(System.out::println);
                System.out.println(which + " rebuild in " + seconds(begun) + ", peak heap " + peakMebibytes()
                        + " MiB, file " + Files.size(state.resolve("catalog.db")) / (1 << 20) + " MiB");
            }
        }
        try (var files = Files.list(state)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(state);
    }

    private static String seconds(long begun) {
        return Duration.ofNanos(System.nanoTime() - begun).toMillis() / 1000.0 + " s";
    }

    private static long peakMebibytes() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                        .filter(pool -> pool.getType() == MemoryType.HEAP)
                        .map(MemoryPoolMXBean::getPeakUsage)
                        .mapToLong(usage -> usage.getUsed())
                        .sum()
                / (1 << 20);
    }
}
