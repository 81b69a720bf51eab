package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.testing.Bench.disk;
import static org.flatsnap.testing.Bench.rawDisk;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.linux.Host;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.store.Intent;
import org.flatsnap.store.ReflinkStore;
import org.flatsnap.store.Staged;
import org.flatsnap.store.Store;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.junit.jupiter.api.Test;

/** A VM that ran before its rollback and cannot be started after it. */
class RestartTest {
    @Test
    void nobodyStartsItLaterWithoutBeingAsked() throws IOException {
        try (Bench bench = Bench.onXfs()) {
            Path vda = bench.disk("a.raw", "a0");
            Path medium = bench.store().resolve("missing.iso");
            Domain vm = bench.define("restart", rawDisk("vda", vda) + disk("hda", medium, "raw", "cdrom"));
            VmId id = new VmId(vm.uuid());
            Snapshot target = bench.take(vm, "s0");
            Bench.write(vda, "a1");
            new GuestNotes(bench.state().resolve("guests")).begin(id, Kind.STOP);
            decide(bench, id, target, vda);

            bench.restart();

            assertThat(Bench.read(vda)).isEqualTo("a0");
            assertThat(bench.state().resolve("guests")).isEmptyDirectory();

            // Whoever was told decides from now on.
            bench.disk("missing.iso", "here again");
            bench.restart();
            assertThat(bench.libvirt().state(id)).isEqualTo(VmState.OFF);
        }
    }

    /** A rollback of a VM that ran, as far as its intent; then the daemon died. */
    private static void decide(Bench bench, VmId vm, Snapshot target, Path vda) throws IOException {
        OperationId operation = OperationId.random();
        Store store = ReflinkStore.open(bench.store(), Optional.empty());
        try (Staged staged = store.stage(
                operation,
                target,
                target.disks(),
                Map.of(new DiskName("vda"), store.stamp(vda).orElseThrow()))) {
            store.write(new Intent(
                    operation,
                    Host.name(),
                    vm,
                    target.id(),
                    Optional.empty(),
                    List.copyOf(staged.swaps()),
                    Optional.empty(),
                    Optional.empty(),
                    true));
            staged.keep();
        }
    }
}
