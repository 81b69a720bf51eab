package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.flatsnap.store.ZfsStorage;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.StoreHost;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/** What is the engine's and OpenZFS's own about disks in file systems. Run by packaging/engines/junit. */
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(ZfsStorage.ATTIC)
class ZfsFileSystemEngineTest {
    private static final DiskName VDA = new DiskName("vda");

    @Test
    void aFileSystemInTheMiddleOfItsSwapIsFoundAgain() throws IOException {
        try (ZfsStorage files = ZfsStorage.fileSystems();
                StoreHost other = new StoreHost(files.place(), "node1")) {
            Path disk = files.newDisk("db01");
            VmId vm = new VmId(UUID.randomUUID().toString());
            other.define(vm, disk);
            Bench.write(disk, "0");
            Snapshot target = other.take(vm, "s1");
            for (int step = 0; step < 3; step++) {
                Bench.write(disk, "1");
                OperationId operation = OperationId.random();
                Snapshot guard = other.take(vm, "guard" + step);
                ZfsEngineTest.decide(files, operation, vm, target, guard, Map.of(VDA, disk));
                String live = files.root() + "/db01";
                String aside = files.root() + "/.flatsnap/aside/" + operation + ".vda";
                List<List<String>> commands = List.of(
                        List.of("zfs", "unmount", live),
                        List.of("zfs", "set", "org.flatsnap:live=" + live, "canmount=noauto", live),
                        List.of("zfs", "rename", live, aside));
                for (List<String> command : commands.subList(0, step + 1)) {
                    Commands.run(command.toArray(String[]::new));
                }
                other.engine().keepHouse();
                assertThat(Bench.read(disk)).isEqualTo("0");
                files.assertNothingStaged();
            }
        }
    }

    @Test
    void whatLiesBelowADiskIsNotRolledBackWithIt() throws IOException {
        try (ZfsStorage files = ZfsStorage.fileSystems();
                StoreHost other = new StoreHost(files.place(), "node1")) {
            Path disk = files.newDisk("db01");
            VmId vm = new VmId(UUID.randomUUID().toString());
            other.define(vm, disk);
            other.take(vm, "s1");
            Commands.run("zfs", "create", "-s", "-V", "16M", files.root() + "/db01/data");
            ZfsEngineTest.assertRefused(Code.UNSUPPORTED, "zfs create", () -> other.rollBack(vm, "s1"));
            ZfsEngineTest.assertRefused(Code.UNSUPPORTED, "zfs create", () -> other.take(vm, "s2"));
        }
    }
}
