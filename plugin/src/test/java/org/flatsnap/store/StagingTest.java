package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StagingTest {
    private static final int ROUNDS = 300;
    private static final int CLEARERS = 2;

    private final AtomicInteger owners = new AtomicInteger();

    @TempDir
    Path parent;

    /** One operation that takes and stages under one name, while those look around who clear what the dead left. */
    @Test
    void whoeverClearsWhatTheDeadLeftTakesNothingFromTheLiving() throws Exception {
        Path directory = parent.resolve("node-boot-operation");
        AtomicBoolean going = new AtomicBoolean(true);
        ExecutorService threads = Executors.newCachedThreadPool();
        try {
            List<Future<?>> clearers = new ArrayList<>();
            for (int i = 0; i < CLEARERS; i++) {
                clearers.add(threads.submit(() -> {
                    while (going.get()) {
                        clear(directory);
                    }
                    return null;
                }));
            }
            Future<?> operation = threads.submit(() -> {
                for (int i = 0; i < ROUNDS; i++) {
                    work(directory);
                }
                return null;
            });
            try {
                operation.get();
            } finally {
                going.set(false);
            }
            for (Future<?> clearer : clearers) {
                clearer.get();
            }
        } finally {
            threads.shutdownNow();
        }
        clear(directory);
        assertThat(parent).isEmptyDirectory();
    }

    private void work(Path directory) throws IOException {
        try (Staging staging = Staging.create(directory)) {
            assertThat(owners.incrementAndGet()).as("owners").isEqualTo(1);
            Path images = Files.createDirectory(staging.directory().resolve("disks"));
            Path image = Files.createFile(images.resolve("vda.raw"));
            Thread.yield();
            assertThat(image).exists();
            owners.decrementAndGet();
        }
    }

    private void clear(Path directory) throws IOException {
        Optional<Staging> abandoned = Staging.adopt(directory);
        if (abandoned.isPresent()) {
            try (Staging staging = abandoned.get()) {
                assertThat(owners.incrementAndGet()).as("owners").isEqualTo(1);
                assertThat(staging.directory().resolve("disks")).doesNotExist();
                owners.decrementAndGet();
            }
        }
    }

    @Test
    void whatADeadOwnerLeftGoesWithAllItHolds() throws IOException {
        Path directory = parent.resolve("node-boot-dead");
        Path outside = Files.createDirectory(parent.resolve("outside"));
        Path kept = Files.createFile(outside.resolve("kept"));
        Files.createDirectories(directory.resolve("snapshot/disks"));
        Files.createFile(directory.resolve("snapshot/disks/vda.raw"));
        Files.createSymbolicLink(directory.resolve("link"), outside);
        Files.createFile(directory.resolve("owner"));

        try (Staging staging = Staging.create(directory)) {
            assertThat(staging.directory()).isDirectoryNotContaining("glob:**/{snapshot,link}");
            assertThat(Staging.adopt(directory)).as("another owner").isEmpty();
            Staging.remove(directory);
            assertThat(directory).exists();
            staging.keep();
        }
        assertThat(directory).exists();
        Staging.remove(directory);
        assertThat(directory).doesNotExist();
        assertThat(kept).exists();
    }

    @Test
    void aLinkInThePlaceOfAStagingDirectoryIsNotFollowed() throws IOException {
        Path outside = Files.createDirectory(parent.resolve("outside"));
        Path kept = Files.createFile(outside.resolve("kept"));
        Path link = Files.createSymbolicLink(parent.resolve("node-boot-dead"), outside);
        Staging.remove(link);
        assertThat(Staging.adopt(link)).isEmpty();
        assertThat(outside).isDirectoryNotContaining("glob:**/owner");
        assertThat(kept).exists();
    }
}
