package org.flatsnap.linux;

import java.io.IOException;
import java.nio.file.Path;

/** Makes what was written survive a power cut, see fsync(2). */
public final class Durability {
    private Durability() {}

    /**
     * Flushes a file's data and metadata, or a directory's entries, to the device. A new, renamed or removed entry is durable
     * only once its directory was synced too.
     *
     * @throws ErrnoException if the device reported an error; what was written since the last success must be taken as lost
     */
    public static void sync(Path fileOrDirectory) throws IOException {
        try (Descriptor descriptor = Descriptor.open(fileOrDirectory, CLibrary.O_RDONLY, 0)) {
            descriptor.sync();
        }
    }
}
