package org.flatsnap.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.flatsnap.testing.PrivateLibvirt;
import org.flatsnap.testing.RunningGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A libvirtd that is there, takes calls and does not answer: a real one that is stopped. */
class HangingLibvirtTest {
    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final VmId VM = new VmId(PrivateLibvirt.VM);

    @TempDir
    private Path directory;

    private PrivateLibvirt daemon;
    private Libvirt libvirt;

    @BeforeEach
    void start() throws IOException {
        daemon = new PrivateLibvirt();
        libvirt = new Libvirt(daemon.uri(), new Libvirt.Limits(SECOND, SECOND, SECOND));
    }

    @AfterEach
    void close() {
        daemon.close();
    }

    private static void assertUnanswered(ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.UNAVAILABLE))
                .hasMessageContaining("has not answered within")
                .hasMessageContaining("restart libvirtd");
    }

    @Test
    void everyCallEndsAndAllIsWellWhenItWakes() {
        assertThat(libvirt.domains()).hasSize(1);
        daemon.hang();

        List<ThrowingCallable> calls = List.of(
                libvirt::version,
                libvirt::domains,
                () -> libvirt.domain(VM),
                () -> libvirt.state(VM),
                () -> libvirt.start(VM),
                () -> libvirt.stop(VM, SECOND),
                () -> libvirt.define("<domain/>"),
                () -> libvirt.resume(VM),
                () -> libvirt.freeze(VM, SECOND),
                () -> libvirt.thaw(VM, SECOND),
                () -> libvirt.frozen(VM, SECOND));
        calls.forEach(HangingLibvirtTest::assertUnanswered);

        daemon.wake();
        assertThat(libvirt.state(VM)).isEqualTo(VmState.RUNNING);
        assertThat(libvirt.domains()).hasSize(1);
    }

    @Test
    void whenTooManyCallsAreUnansweredTheNextIsRefusedAtOnce() {
        TimedCalls calls = new TimedCalls("a libvirt");
        AtomicInteger made = new AtomicInteger();
        Object wake = new Object();
        synchronized (wake) {
            String refusal = "";
            while (!refusal.contains("earlier calls")) {
                refusal = refusalOf(() -> calls.within(Duration.ofMillis(1), "cannot ask", () -> {
                    made.incrementAndGet();
                    synchronized (wake) {
                        return "";
                    }
                }));
            }
            assertThat(made.get()).isLessThan(100);
        }
        RunningGuest.await(Duration.ofSeconds(10), "the answers", () -> refusalOf(
                        () -> calls.within(SECOND, "cannot ask", () -> ""))
                .isEmpty());
    }

    private static String refusalOf(Runnable call) {
        try {
            call.run();
            return "";
        } catch (Problem e) {
            return e.getMessage();
        }
    }

    @Test
    void aPauseThatIsCarriedOutLateEnds() throws IOException {
        Vm vm = new Vm(
                VM, new VmName("test"), VmState.RUNNING, true, false, Vm.Agent.NONE, List.of(), Optional.empty(), "");
        GuestNotes notes = new GuestNotes(directory);
        LatePause guests = new LatePause();
        try (Quiescer quiescer = new Quiescer(guests, notes, SECOND)) {
            assertUnanswered(() -> quiescer.during(vm, Consistency.CRASH, true, false, () -> {}));
            assertThat(notes.open(Kind.PAUSE)).containsExactly(VM);

            daemon.wake();

            RunningGuest.await(Duration.ofSeconds(60), "the pause to end for certain", () -> notes.open(Kind.PAUSE)
                    .isEmpty());
            assertThat(guests.resumed.get()).isPositive();
            assertThat(libvirt.state(VM)).isEqualTo(VmState.RUNNING);
        }
    }

    /** libvirt begins to hang just before it is asked to pause a guest. */
    private final class LatePause implements Guests {
        private final AtomicInteger resumed = new AtomicInteger();

        @Override
        public VmState state(VmId vm) {
            return libvirt.state(vm);
        }

        @Override
        public void suspend(VmId vm) {
            daemon.hang();
            libvirt.suspend(vm);
        }

        @Override
        public void resume(VmId vm) {
            libvirt.resume(vm);
            resumed.incrementAndGet();
        }

        @Override
        public int freeze(VmId vm, Duration patience) {
            return libvirt.freeze(vm, patience);
        }

        @Override
        public int thaw(VmId vm, Duration patience) {
            return libvirt.thaw(vm, patience);
        }

        @Override
        public boolean frozen(VmId vm, Duration patience) {
            return libvirt.frozen(vm, patience);
        }
    }
}
