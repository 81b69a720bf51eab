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
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.linux.FileSystemStatus;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmName;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess;
import org.flatsnap.testing.LoopFileSystem;
import org.junit.jupiter.api.Test;

/** What becomes of a store that fills up, from the warning to the last block. */
class SpaceGuardTest {
    private static final int SNAPSHOTS = 5;

    private Bench bench;
    private Path vda;
    private Domain vm;

    @Test
    void onXfs() throws IOException {
        fillsUp(LoopFileSystem.smallXfs());
    }

    @Test
    void onBtrfs() throws IOException {
        fillsUp(LoopFileSystem.btrfs());
    }

    private void fillsUp(LoopFileSystem fileSystem) throws IOException {
        try (Bench opened = Bench.on(fileSystem)) {
            bench = opened;
            vda = bench.disk("a.raw", "a0");
            vm = bench.define("space", rawDisk("vda", vda));
            bench.take(vm, "s0");
            assertThat(doctor().level()).isEqualTo(Finding.Level.OK);

            leave(0.08);
            assertThat(doctor().level()).isEqualTo(Finding.Level.WARNING);
            assertThat(doctor().finding()).contains("nothing is taken or cloned");
            bench.take(vm, "s1");

            leave(0.04);
            assertThat(doctor().level()).isEqualTo(Finding.Level.FAILURE);
            write(vda, "a1");
            refused(() -> bench.take(vm, "s2"));
            refused(() ->
                    bench.engine().clone(OperationId.random(), vm.name(), "s0", new VmName(vm.name() + "-clone")));
            bench.assertNothingStaged();
            // The way back stays open, and so does the way back from there.
            bench.rollBack(vm, "s0");
            assertThat(read(vda)).isEqualTo("a0");
            bench.undo(vm);
            assertThat(read(vda)).isEqualTo("a1");

            Path filler = fileSystem.fill();
            refused(() -> bench.take(vm, "s2"));
            List<Snapshot> all = bench.catalog().query(SnapshotQuery.ALL).snapshots();
            assertThat(all).hasSize(4);
            all.forEach(snapshot -> bench.delete(vm, snapshot.id().value()));
            assertThat(bench.catalog().vms()).isEmpty();

            Files.delete(filler);
            Files.delete(bench.store().resolve("ballast"));
            sync();
            bench.take(vm, "again");
            bench.assertNothingStaged();
        }
    }

    /** As on a host with one file system. btrfs has no room for any line of a log then. */
    @Test
    void emptiesAFullFileSystemOnWhichItsOwnStateIsToo() throws IOException {
        LoopFileSystem fileSystem = LoopFileSystem.smallXfs();
        try (Bench opened = Bench.on(fileSystem)) {
            opened.shut();
            vm = opened.defineWhileShut("space", rawDisk("vda", opened.disk("a.raw", "a0")));
            try (DaemonProcess daemon =
                    DaemonProcess.in(Files.createDirectory(opened.store().resolve("own")), opened.store())) {
                daemon.start();
                for (int i = 0; i < SNAPSHOTS; i++) {
                    daemon.succeed("take", vm.name(), "s" + i);
                }
                Path filler = fileSystem.fill();

                for (int i = 0; i < SNAPSHOTS; i++) {
                    daemon.succeed("delete", vm.name(), "s" + i);
                    // What guests write takes at once what becomes free.
                    fileSystem.fill();
                }

                assertThat(daemon.succeed("list", vm.name())).doesNotContain("s1");
                Files.delete(filler);
                sync(fileSystem.root());
                assertThat(daemon.succeed("audit", "--vm", vm.name())).contains("delete");
                daemon.succeed("take", vm.name(), "again");
            }
            opened.open();
        }
    }

    /** Fills the store until this share of it is free. */
    private void leave(double share) throws IOException {
        Path ballast = bench.store().resolve("ballast");
        sync();
        FileSystemStatus status = FileSystemStatus.of(bench.store());
        long megabytes = (status.availableBytes() - (long) (share * status.totalBytes())) >> 20;
        Commands.run(
                "dd",
                "if=/dev/zero",
                "of=" + ballast,
                "bs=1M",
                "count=" + megabytes,
                "oflag=append",
                "conv=notrunc,fsync",
                "status=none");
        sync();
    }

    private void sync() {
        sync(bench.store());
    }

    private static void sync(Path place) {
        Commands.run("sync", "-f", place.toString());
    }

    private Finding doctor() {
        return bench.engine().examine().stream()
                .filter(finding -> finding.subject().startsWith("store"))
                .findFirst()
                .orElseThrow();
    }

    private void refused(ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).isEqualTo(Code.NO_SPACE);
            assertThat(problem.why()).matches("the store .* has [0-9.]+ MiB free, and [0-9.]+ MiB are reserved.*");
            assertThat(problem.remedy()).contains("Delete snapshots", "'reserve'");
        });
    }
}
