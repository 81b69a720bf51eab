package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.testing.Bench.rawDisk;
import static org.flatsnap.testing.Bench.read;
import static org.flatsnap.testing.Bench.write;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.linux.Host;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.store.DiskStamp;
import org.flatsnap.store.Intent;
import org.flatsnap.store.ReflinkStore;
import org.flatsnap.store.Staged;
import org.flatsnap.store.Store;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.RunningGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the next daemon does about what the last one left. */
class RecoveryTest {
    private Bench bench;
    private Path vda;
    private Path vdb;
    private Domain vm;

    /** A VM on two stores, so that there is a primary and another. */
    @BeforeEach
    void defineVm() throws IOException {
        bench = Bench.on(LoopFileSystem.smallXfs(), LoopFileSystem.btrfs());
        vda = Bench.disk(bench.store(0), "a.raw", "a0");
        vdb = Bench.disk(bench.store(1), "b.raw", "b0");
        vm = bench.define("recover", rawDisk("vda", vda) + rawDisk("vdb", vdb));
    }

    @AfterEach
    void close() throws IOException {
        bench.assertNothingStaged();
        bench.close();
    }

    private List<Store> stores() {
        return List.of(
                ReflinkStore.open(bench.store(0), Optional.empty()),
                ReflinkStore.open(bench.store(1), Optional.empty()));
    }

    /** A rollback as far as its intent, which is as much as a killed daemon can have left undone. */
    private Intent decide(Snapshot target) throws IOException {
        OperationId operation = OperationId.random();
        List<Store> stores = stores();
        try (Staged first =
                        stores.get(0).stage(operation, target, target.disks().subList(0, 1), stamps(stores, vda, vdb));
                Staged second = stores.get(1)
                        .stage(operation, target, target.disks().subList(1, 2), stamps(stores, vda, vdb))) {
            Intent intent = new Intent(
                    operation,
                    Host.name(),
                    new VmId(vm.uuid()),
                    target.id(),
                    Optional.empty(),
                    List.of(first.swaps().get(0), second.swaps().get(0)),
                    Optional.empty(),
                    Optional.empty(),
                    false);
            stores.get(1).write(intent);
            stores.get(0).write(intent);
            first.keep();
            second.keep();
            return intent;
        }
    }

    private static Map<DiskName, DiskStamp> stamps(List<Store> stores, Path vda, Path vdb) {
        return Map.of(
                new DiskName("vda"), stores.get(0).stamp(vda).orElseThrow(),
                new DiskName("vdb"), stores.get(1).stamp(vdb).orElseThrow());
    }

    private void assertBoth(String a, String b) throws IOException {
        assertThat(List.of(read(vda), read(vdb))).containsExactly(a, b);
    }

    @Test
    void aDecidedRollbackIsFinishedHoweverFarItCame() throws IOException {
        Snapshot target = bench.take(vm, "s0");
        for (int swapped = 0; swapped <= 2; swapped++) {
            write(vda, "a1");
            write(vdb, "b1");
            Intent intent = decide(target);
            for (int i = 0; i < swapped; i++) {
                stores().get(i).swap(intent, intent.swaps().get(i));
            }

            bench.restart();

            assertBoth("a0", "b0");
            bench.assertNothingStaged();
            RollbackRequest retry = new RollbackRequest(intent.operation(), vm.name(), "s0", java.util.Set.of(), false);
            assertThat(bench.engine().rollBack(retry).snapshot()).isEqualTo(target.id());
            assertThat(bench.names(vm)).containsExactly("s0");
        }
    }

    @Test
    void anUndoPassesOverTheGuardOfARollbackThatWasNeverDecided() throws IOException {
        bench.take(vm, "s0");
        write(vda, "a1");
        write(vdb, "b1");
        rollBack("s0");
        write(vda, "a2");
        write(vdb, "b2");
        Snapshot guard =
                bench.catalog().find(rollBack("s0").guard().orElseThrow()).orElseThrow();
        Path mark = bench.engine().savedFile(guard, Snapshot.UNDECIDED_FILE);
        assertThat(mark).doesNotExist();
        // What a daemon leaves that is killed right after it took the guard.
        Files.createFile(mark);

        bench.restart();

        bench.engine().undo(OperationId.random(), vm.name(), false);
        assertBoth("a1", "b1");
    }

    private RollbackResult rollBack(String snapshot) {
        return bench.engine()
                .rollBack(new RollbackRequest(OperationId.random(), vm.name(), snapshot, java.util.Set.of(), false));
    }

    @Test
    void whatWasStagedAndLostIsStagedAnew() throws IOException {
        Snapshot target = bench.take(vm, "s0");
        for (int swapped = 0; swapped <= 1; swapped++) {
            write(vda, "a1");
            write(vdb, "b1");
            Intent intent = decide(target);
            if (swapped > 0) {
                stores().get(0).swap(intent, intent.swaps().get(0));
            }
            Path staging = bench.store(1).resolve(".flatsnap/staging");
            Commands.run("find", staging.toString(), "-mindepth", "1", "-delete");

            bench.restart();

            assertBoth("a0", "b0");
            bench.assertNothingStaged();
        }
    }

    @Test
    void whatWasWrittenWhileTheIntentStoodIsKeptInAnotherGuard() throws IOException {
        Snapshot target = bench.take(vm, "s0");
        write(vda, "a1");
        write(vdb, "b1");
        decide(target);
        write(vda, "written by a guest that should not have run");

        bench.restart();

        assertBoth("a0", "b0");
        bench.undo(vm);
        assertBoth("written by a guest that should not have run", "b0");
    }

    @Test
    void aVmThatWasStoppedForNothingIsStartedAgain() throws IOException {
        new GuestNotes(bench.state().resolve("guests")).begin(new VmId(vm.uuid()), Kind.STOP);
        bench.restart();
        assertThat(bench.libvirt().state(new VmId(vm.uuid()))).isEqualTo(VmState.RUNNING);
        assertThat(bench.state().resolve("guests")).isEmptyDirectory();
        RunningGuest.virsh("destroy", vm.uuid());
    }

    @Test
    void anIntentThatMissesOnThePrimaryWasNeverDecided() throws IOException {
        Snapshot target = bench.take(vm, "s0");
        write(vda, "a1");
        write(vdb, "b1");
        Intent intent = decide(target);
        Files.delete(bench.store(0).resolve(".flatsnap/intents").resolve(vm.uuid() + ".json"));

        bench.restart();

        assertBoth("a1", "b1");
        assertThat(bench.engine().operations().status(intent.operation())).isEmpty();
    }

    @Test
    void whileAnIntentStandsNothingElseIsDoneToTheVm() throws IOException {
        Snapshot target = bench.take(vm, "s0");
        // So that the engine does not look for intents, as it does every ten seconds, in the middle of this.
        bench.restart();
        Intent intent = decide(target);

        assertThatThrownBy(() -> bench.take(vm, "s1"))
                .isInstanceOfSatisfying(Problem.class, e -> assertThat(e.code()).isEqualTo(Code.BUSY))
                .hasMessageContaining("a rollback of it is not finished");
        assertThatThrownBy(() -> bench.rollBack(vm, "s0")).hasMessageContaining("a rollback of it is not finished");

        bench.restart();
        bench.take(vm, "s1");
        assertThat(intent.stores()).hasSize(2);
    }

    @Test
    void aPartWithoutItsHomeIsRemovedAndAWholeSnapshotIsNot() throws IOException {
        Snapshot whole = bench.take(vm, "s0");
        Snapshot torn = bench.take(vm, "s1");
        stores().get(0).unpublish(new VmId(vm.uuid()), torn.id());

        bench.restartWithoutCatalog();

        assertThat(bench.names(vm)).containsExactly("s0");
        assertThat(stores().get(1).published()).containsOnlyKeys(whole.id());
    }

    @Test
    void whatCameAndWentWhileNoDaemonRanIsSeenAtStart() throws IOException {
        Snapshot first = bench.take(vm, "s0");
        bench.take(vm, "s1");
        stores().get(0).unpublish(new VmId(vm.uuid()), first.id());
        bench.restart();
        assertThat(bench.names(vm)).containsExactly("s1");
    }

    @Test
    void aStoreThatIsAwayDoesNotStopTheOthersAndComesBack() throws IOException {
        bench.take(vm, "s0");
        Path only = Bench.disk(bench.store(0), "only.raw", "x");
        Domain other = bench.define("other", rawDisk("vda", only));
        bench.shut();
        bench.fileSystem(1).unmount();
        bench.open();

        assertThat(bench.engine().examine())
                .anyMatch(finding -> finding.level() == Finding.Level.FAILURE
                        && finding.subject().contains(bench.store(1).toString()));
        bench.take(other, "s0");
        assertThat(bench.names(vm)).containsExactly("s0");
        assertThatThrownBy(() -> bench.rollBack(vm, "s0")).hasMessageContaining("it is not mounted");

        bench.fileSystem(1).mount();
        bench.restart();
        bench.rollBack(vm, "s0");
        assertBoth("a0", "b0");
    }
}
