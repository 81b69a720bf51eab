package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.testing.Bench.rawDisk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.StoreId;
import org.flatsnap.store.StorePlace;
import org.flatsnap.store.StoredSnapshots;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.RunningGuest;
import org.flatsnap.testing.StoreHost;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a daemon whose catalog is damaged, before it starts or under its hands. */
class CatalogHealingTest {
    private static final Duration HEALED = Duration.ofSeconds(30);
    private static final int BLOCK = 4096;
    private static final int MANY = 20_000;

    @Test
    void damageThatARequestMeetsIsHealedByItself() throws IOException {
        LoopFileSystem xfs = LoopFileSystem.smallXfs();
        StoredSnapshots.write(xfs.root(), 300);
        try (StoreHost host = new StoreHost(new StorePlace.Directory(xfs.root()), "node1")) {
            StoreId store = host.catalog()
                    .find(StoredSnapshots.snapshot(new StoreId(new UUID(0, 0)), 0)
                            .id())
                    .orElseThrow()
                    .home();
            damageEveryBlock(host.state().resolve("catalog.db"));

            List<Problem> met = new ArrayList<>();
            for (int i = 0; i < 300; i++) {
                Snapshot expected = StoredSnapshots.snapshot(store, i);
                try {
                    assertSame(
                            host.catalog().find(expected.vm(), expected.name()).orElseThrow(), expected);
                } catch (Problem e) {
                    met.add(e);
                }
            }
            assertThat(met).isNotEmpty().allSatisfy(problem -> {
                assertThat(problem.code()).isEqualTo(Code.UNAVAILABLE);
                assertThat(problem.remedy()).contains("try again");
            });
            RunningGuest.await(
                    HEALED, "the catalog to be whole", () -> !host.catalog().needsRebuild());
            for (int i = 0; i < 300; i++) {
                Snapshot expected = StoredSnapshots.snapshot(store, i);
                assertSame(
                        host.engine()
                                .show(expected.vm().value(), expected.name().value()),
                        expected);
            }
        } finally {
            xfs.close();
        }
    }

    /** But for the operation, which is another one each time. */
    private static void assertSame(Snapshot found, Snapshot expected) {
        assertThat(found).usingRecursiveComparison().ignoringFields("operation").isEqualTo(expected);
    }

    private static void damageEveryBlock(Path file) throws IOException {
        // In place, into the file that the daemon has open.
        try (SeekableByteChannel channel =
                Files.newByteChannel(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            for (long at = BLOCK; at < channel.size(); at += BLOCK) {
                ByteBuffer piece = ByteBuffer.allocate(1);
                channel.position(at + 100).read(piece);
                piece.put(0, (byte) (piece.get(0) ^ 1)).rewind();
                channel.position(at + 100).write(piece);
            }
        }
    }

    @Test
    void whateverStandsInTheFileAtTheStartTheCatalogIsMadeAnew() throws IOException {
        try (Bench bench = Bench.onXfs()) {
            Domain vm = bench.define("heal", rawDisk("vda", bench.disk("a.raw", "a0")));
            List<Snapshot> taken =
                    IntStream.range(0, 5).mapToObj(i -> bench.take(vm, "s" + i)).toList();
            Path file = bench.state().resolve("catalog.db");
            bench.shut();
            byte[] whole = Files.readAllBytes(file);
            byte[] otherLayout = whole.clone();
            otherLayout[11]++;
            byte[] flipped = whole.clone();
            flipped[whole.length / 2] ^= 4;
            for (byte[] content : List.of(
                    new byte[0],
                    "garbage".getBytes(StandardCharsets.UTF_8),
                    new byte[100_000],
                    Arrays.copyOf(whole, whole.length / 2),
                    Arrays.copyOf(whole, 10),
                    otherLayout,
                    flipped)) {
                Files.write(file, content);
                bench.open();
                assertThat(bench.names(vm)).hasSize(5);
                taken.forEach(snapshot -> assertThat(
                                bench.engine().show(vm.name(), snapshot.name().value()))
                        .isEqualTo(snapshot));
                bench.shut();
            }
            bench.open();
        }
    }

    /** A tenth of a data center's snapshots in the memory that a hundred of them need too; RebuildOfMany tells more. */
    @Test
    void aRebuildTakesLittleMemoryAndTellsHowFarItIs(@TempDir Path directory) throws Exception {
        LoopFileSystem xfs = LoopFileSystem.xfs();
        try {
            Path log = directory.resolve("log");
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx64m",
                            "-XX:+UseSerialGC",
                            "-cp",
                            System.getProperty("java.class.path"),
                            RebuildOfMany.class.getName(),
                            xfs.root().toString(),
                            Integer.toString(MANY))
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            if (!process.waitFor(5, TimeUnit.MINUTES)) {
                process.destroyForcibly().waitFor();
            }
            assertThat(process.exitValue()).describedAs(Files.readString(log)).isZero();
            assertThat(log).content().contains("read 4,000 of 20,000 snapshots", "the catalog holds 20,000 snapshots");
        } finally {
            xfs.close();
        }
    }

    @Test
    void aClosedCatalogIsNotHealed() throws IOException {
        LoopFileSystem xfs = LoopFileSystem.smallXfs();
        try {
            StoreHost host = new StoreHost(new StorePlace.Directory(xfs.root()), "node1");
            host.close();
            assertThatThrownBy(() -> host.catalog().vms())
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("stopping");
            assertThat(host.catalog().needsRebuild()).isFalse();
        } finally {
            xfs.close();
        }
    }
}
