package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.testing.RunningGuest.last;
import static org.flatsnap.testing.RunningGuest.virsh;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.hypervisor.Quiescer;
import org.flatsnap.manager.LibvirtManager;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.RunningGuest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** A real guest that writes all the time. Whatever happens, it writes on afterwards. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RunningVmTest {
    private Bench bench;
    private RunningGuest guest;

    @BeforeAll
    void boot() throws IOException {
        bench = Bench.onXfs();
        guest = RunningGuest.boot(bench);
    }

    @AfterAll
    void close() throws IOException {
        bench.close();
    }

    @AfterEach
    void theGuestRunsAndNothingIsLeft() throws IOException {
        guest.awaitWriting();
        RunningGuest.await(
                Duration.ofSeconds(90),
                "every freeze to be confirmed as undone",
                () -> bench.engine().examine().stream()
                        .noneMatch(finding -> finding.finding().contains("may be frozen")));
        bench.assertNothingStaged();
    }

    private Path image(Snapshot snapshot, String disk) {
        return bench.store()
                .resolve(".flatsnap/vms")
                .resolve(snapshot.vm().value())
                .resolve(snapshot.id().value())
                .resolve("disks")
                .resolve(disk + ".raw");
    }

    @Test
    void crashLevelPausesForTheMomentAndShowsBothDisksAtIt() throws IOException {
        for (int i = 0; i < 5; i++) {
            Snapshot snapshot = bench.take(guest.domain(), "crash" + i, Consistency.CRASH, false);

            Quiescence how = snapshot.quiescence();
            assertThat(how.achieved()).isEqualTo(Consistency.CRASH);
            assertThat(how.state()).isEqualTo(VmState.RUNNING);
            assertThat(how.pauseMillis()).isPositive();
            assertThat(how.freezeMillis()).isZero();
            assertThat(how.torn()).isFalse();
            guest.assertOneMoment(image(snapshot, "vda"), image(snapshot, "vdb"));
        }
    }

    @Test
    void filesystemLevelLeavesNoJournalToReplay() throws IOException {
        Snapshot snapshot = bench.take(guest.domain(), "frozen", Consistency.FILESYSTEM, true);

        Quiescence how = snapshot.quiescence();
        assertThat(how.achieved()).isEqualTo(Consistency.FILESYSTEM);
        assertThat(how.freezeMillis()).isPositive();
        assertThat(how.pauseMillis()).isZero();
        guest.assertOneMoment(image(snapshot, "vda"), image(snapshot, "vdb"));
        assertThat(Commands.exitCode("e2fsck", "-fn", image(snapshot, "vda").toString()))
                .isZero();
        assertThat(Commands.exitCode("e2fsck", "-fn", image(snapshot, "vdb").toString()))
                .isZero();
    }

    @Test
    void aHangingAgentLowersTheLevelAndItsLateFreezeIsThawed() {
        guest.exec("kill -STOP $(pidof qemu-ga); sleep 12; kill -CONT $(pidof qemu-ga)");
        RunningGuest.await(Duration.ofSeconds(30), "the agent to hang", () -> hangs());

        Snapshot snapshot = bench.take(guest.domain(), "hanging", Consistency.FILESYSTEM, false);

        assertThat(snapshot.quiescence().asked()).isEqualTo(Consistency.FILESYSTEM);
        assertThat(snapshot.quiescence().achieved()).isEqualTo(Consistency.CRASH);
        assertThat(snapshot.quiescence().note()).isNotEmpty();
    }

    @Test
    void strictlyAHangingAgentFailsTheTakeAndLeavesNothing() {
        guest.exec("kill -STOP $(pidof qemu-ga); sleep 12; kill -CONT $(pidof qemu-ga)");
        RunningGuest.await(Duration.ofSeconds(30), "the agent to hang", () -> hangs());

        assertThatThrownBy(() -> bench.take(guest.domain(), "strict", Consistency.FILESYSTEM, true))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("cannot freeze the file systems");
        assertThat(bench.names(guest.domain())).doesNotContain("strict");
    }

    private boolean hangs() {
        return Commands.exitCode(
                        "virsh",
                        "-c",
                        Bench.URI,
                        "qemu-agent-command",
                        guest.domain().uuid(),
                        "--timeout",
                        "1",
                        "{\"execute\":\"guest-ping\"}")
                != 0;
    }

    @Test
    void whatAKilledDaemonLeftFrozenIsThawedAtTheNextStart() throws IOException {
        assertThat(virsh("domfsfreeze", guest.domain().uuid())).contains("Froze");
        notes().begin(new VmId(guest.domain().uuid()), Kind.FREEZE);

        bench.restart();

        guest.assertWriting();
    }

    @Test
    void whatAKilledDaemonLeftPausedIsResumedAtTheNextStart() throws IOException {
        virsh("suspend", guest.domain().uuid());
        notes().begin(new VmId(guest.domain().uuid()), Kind.PAUSE);

        bench.restart();

        guest.assertWriting();
    }

    private GuestNotes notes() throws IOException {
        return new GuestNotes(bench.state().resolve("guests"));
    }

    private Quiescer quiescer(Duration patience) throws IOException {
        return new Quiescer(bench.libvirt(), notes(), patience);
    }

    private Vm vm() {
        return new LibvirtManager(bench.libvirt(), Bench.URI)
                .find(new VmId(guest.domain().uuid()))
                .orElseThrow();
    }

    private static Vm with(Vm vm, Vm.Agent agent) {
        return new Vm(
                vm.id(),
                vm.name(),
                vm.state(),
                vm.persistent(),
                vm.savedMemory(),
                agent,
                vm.disks(),
                vm.firmware(),
                vm.definition());
    }

    @Test
    void aFreezeEndsAtItsDeadlineThoughTheStorageHangs() throws IOException {
        try (Quiescer quiescer = quiescer(Duration.ofSeconds(3))) {
            // The moment lasts until the guest writes again, which only the deadline can bring about.
            Quiescence how = quiescer.during(vm(), Consistency.FILESYSTEM, true, false, () -> guest.assertWriting());
            assertThat(how.achieved()).isEqualTo(Consistency.CRASH);
            assertThat(how.torn()).isTrue();
            assertThat(how.note()).contains("thawed before the clones were complete");
            assertThatThrownBy(() ->
                            quiescer.during(vm(), Consistency.FILESYSTEM, true, true, () -> guest.assertWriting()))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("longer than the guest may stand still");
        }
    }

    @Test
    void aPauseEndsAtItsDeadlineThoughTheStorageHangs() throws IOException {
        try (Quiescer quiescer = quiescer(Duration.ofSeconds(3))) {
            Quiescence how = quiescer.during(vm(), Consistency.CRASH, true, false, () -> guest.assertWriting());
            assertThat(how.torn()).isTrue();
        }
    }

    @Test
    void withoutAnAgentTheLevelIsCrashAndTheReasonIsKept() throws IOException {
        try (Quiescer quiescer = quiescer(Duration.ofSeconds(3))) {
            for (Vm.Agent agent : new Vm.Agent[] {Vm.Agent.NONE, Vm.Agent.DISCONNECTED}) {
                Vm vm = with(vm(), agent);
                Quiescence how = quiescer.during(vm, Consistency.FILESYSTEM, false, false, () -> {});
                assertThat(how.achieved()).isEqualTo(Consistency.CRASH);
                assertThat(how.note()).contains("agent");
                assertThatThrownBy(() -> quiescer.during(vm, Consistency.FILESYSTEM, false, true, () -> {}))
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining("qemu-guest-agent");
            }
        }
    }

    @Test
    void aGuestThatSomebodyPausedStaysPaused() {
        virsh("suspend", guest.domain().uuid());

        Snapshot snapshot = bench.take(guest.domain(), "paused", Consistency.FILESYSTEM, false);

        assertThat(virsh("domstate", guest.domain().uuid())).contains("paused");
        assertThat(snapshot.quiescence().state()).isEqualTo(VmState.PAUSED);
        assertThat(snapshot.quiescence().achieved()).isEqualTo(Consistency.CRASH);
        virsh("resume", guest.domain().uuid());
    }

    @Test
    void aRunningVmIsRolledBackOnlyWithStopAndRunsAgain() throws IOException {
        Snapshot before = bench.take(guest.domain(), "before", Consistency.FILESYSTEM, true);
        long then = last(guest.log(image(before, "vda")));

        assertThatThrownBy(() -> bench.rollBack(guest.domain(), "before"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("it is running")
                .hasMessageContaining("--stop");
        guest.assertWriting();

        RollbackResult result = bench.engine()
                .rollBack(
                        new RollbackRequest(OperationId.random(), guest.domain().name(), "before", Set.of(), true));

        assertThat(result.started()).isTrue();
        Snapshot guard = bench.catalog().find(result.guard().orElseThrow()).orElseThrow();
        long stopped = last(guest.log(image(guard, "vda")));
        assertThat(stopped).isGreaterThan(then);
        guest.awaitWriting();
        // The guest went on counting from the state it was put back to.
        assertThat(guest.log(Path.of(before.disks().get(0).source())))
                .startsWith(1L)
                .contains(then + 1);

        RollbackResult undone =
                bench.engine().undo(OperationId.random(), guest.domain().name(), true);
        assertThat(undone.snapshot()).isEqualTo(guard.id());
        guest.awaitWriting();
        assertThat(last(guest.log(Path.of(before.disks().get(0).source())))).isGreaterThan(stopped);
    }
}
