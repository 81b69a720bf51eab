package org.flatsnap.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;

/** Records of snapshots that were never taken, written where a store looks for them. */
public final class StoredSnapshots {
    private static final Instant BEGIN = Instant.parse("2026-01-01T00:00:00Z");
    private static final int VMS = 50;

    private StoredSnapshots() {}

    /** Writes so many into the store at a directory, in no hurry to make them durable. */
    public static void write(Path directory, int count) {
        Store store = ReflinkStore.open(directory, Optional.empty());
        IntStream.range(0, count).parallel().forEach(number -> {
            try {
                write(directory, snapshot(store.id(), number));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** Writes this one into the store at a directory, and gives the directory in which it stands then. */
    public static Path write(Path root, Snapshot snapshot) throws IOException {
        Path directory = root.resolve(Layout.DIRECTORY)
                .resolve("vms")
                .resolve(snapshot.vm().value())
                .resolve(snapshot.id().value());
        Files.createDirectories(directory);
        Files.writeString(directory.resolve(Layout.METADATA), CheckedFile.text(snapshot));
        return directory;
    }

    /** One of them. */
    public static Snapshot snapshot(StoreId store, int number) {
        VmId vm = new VmId(String.format("00000000-0000-4000-8000-%012x", number % VMS));
        Snapshot some = Snapshots.of(
                vm,
                "web" + number % VMS,
                "snapshot-" + number,
                BEGIN.plus(Duration.ofMinutes(number)),
                new Labels(new Description("before the upgrade"), Snapshots.tags("nightly"), false));
        return new Snapshot(
                some.id(),
                vm,
                some.vmName(),
                some.name(),
                some.takenAt(),
                some.labels(),
                some.guard(),
                some.foreign(),
                some.quiescence(),
                store,
                List.of(new DiskImage(new DiskName("vda"), store, "/images/web.raw", 1 << 20)),
                some.firmware(),
                some.operation());
    }
}
