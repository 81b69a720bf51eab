package org.flatsnap.engine;

import java.io.IOException;
import java.nio.file.Path;
import java.util.UUID;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.VmId;
import org.flatsnap.store.ZfsStorage;
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
