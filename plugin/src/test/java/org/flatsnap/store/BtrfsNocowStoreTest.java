package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.LoopFileSystem;

/** libvirt's storage pools switch copy-on-write off for images on btrfs. */
class BtrfsNocowStoreTest extends StoreContract {
    @Override
    LoopFileSystem make() {
        return LoopFileSystem.btrfs();
    }

    @Override
    void prepare(Path disk) throws IOException {
        Files.createFile(disk);
        Commands.run("chattr", "+C", disk.toString());
    }

    @Override
    boolean freesPartsOfExtents() {
        return false;
    }
}
