package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.testing.Bench.rawDisk;
import static org.flatsnap.testing.Bench.read;
import static org.flatsnap.testing.Bench.write;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.flatsnap.testing.Commands;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A request that is sent again does nothing a second time, whatever became of the catalog and of the daemon meanwhile. */
class RetryTest {
    private final OperationId operation = OperationId.random();
    private Bench bench;
    private Path vda;
    private Domain vm;

    @BeforeEach
    void defineVm() throws IOException {
        bench = Bench.onXfs();
        vda = bench.disk("a.raw", "a0");
        vm = bench.define("retry", rawDisk("vda", vda));
    }

    @AfterEach
    void close() throws IOException {
        bench.close();
    }

    private Path answer() {
        return bench.store().resolve(".flatsnap/answers/" + operation + ".json");
    }

    @Test
    void aRollbackIsNotDoneAgainWhenTheCatalogIsLost() throws IOException {
        bench.take(vm, "s0");
        write(vda, "a1");
        RollbackRequest request = new RollbackRequest(operation, vm.name(), "s0", Set.of(), false);
        RollbackResult first = bench.engine().rollBack(request);
        write(vda, "written since");

        bench.restartWithoutCatalog();

        assertThat(bench.engine().rollBack(request)).isEqualTo(first);
        assertThat(read(vda)).isEqualTo("written since");
    }

    /** Nor is a delete whose daemon was killed behind the step that made the snapshot invisible told that there is none. */
    @Test
    void aDeleteDoesNotHitAnotherSnapshotOfTheNameWhenTheCatalogIsLost() throws IOException {
        Snapshot gone = bench.take(vm, "s0");
        bench.engine().delete(operation, vm.name(), "s0");
        Snapshot later = bench.take(vm, "s0");

        bench.restartWithoutCatalog();

        assertThat(bench.engine().delete(operation, vm.name(), "s0")).isEqualTo(gone);
        assertThat(bench.engine().show(vm.name(), "s0")).isEqualTo(later);
    }

    @Test
    void aDeleteThatWasAnnouncedAndNotDoneIsDone() throws IOException {
        bench.take(vm, "s0");
        Path directory = bench.store().resolve(".flatsnap/vms/" + vm.uuid());
        Commands.run("chattr", "+i", directory.toString());
        try {
            assertThatThrownBy(() -> bench.engine().delete(operation, vm.name(), "s0"))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("cannot delete snapshot");
        } finally {
            Commands.run("chattr", "-i", directory.toString());
        }
        assertThat(answer()).exists();
        assertThat(bench.names(vm)).containsExactly("s0");

        bench.engine().delete(operation, vm.name(), "s0");
        assertThat(bench.names(vm)).isEmpty();
    }

    @Test
    void anOperationIdOfAnotherTakeIsRefusedAlsoWhenTheCatalogIsLost() throws IOException {
        TakeRequest request = Bench.request(vm, "s0");
        Snapshot first = bench.engine().take(request);
        Domain other = bench.define("other", rawDisk("vda", bench.disk("b.raw", "b0")));
        bench.restartWithoutCatalog();

        assertThat(bench.engine().take(request)).isEqualTo(first);
        bench.restartWithoutCatalog();
        for (TakeRequest wrong : new TakeRequest[] {renamed(request, other, "s0"), renamed(request, vm, "s1")}) {
            assertThatThrownBy(() -> bench.engine().take(wrong))
                    .isInstanceOfSatisfying(
                            Problem.class, problem -> assertThat(problem.code()).isEqualTo(Code.INVALID))
                    .hasMessageContaining("belongs to another request");
        }
    }

    private static TakeRequest renamed(TakeRequest request, Domain vm, String name) {
        return new TakeRequest(
                request.operation(),
                vm.name(),
                Optional.of(new SnapshotName(name)),
                request.labels(),
                request.level(),
                request.strict(),
                request.disks());
    }

    @Test
    void answersAreDroppedAfterAWeek() throws IOException {
        bench.take(vm, "s0");
        bench.engine().delete(operation, vm.name(), "s0");
        bench.restart();
        assertThat(answer()).exists();
        Files.setLastModifiedTime(answer(), FileTime.from(Instant.now().minus(Duration.ofDays(8))));
        bench.restart();
        assertThat(answer()).doesNotExist();
    }
}
