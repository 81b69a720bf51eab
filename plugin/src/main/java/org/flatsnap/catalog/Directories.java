package org.flatsnap.catalog;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The directory a file stands in. */
final class Directories {
    private Directories() {}

    /** Makes the making, renaming or removing of a file in its directory durable. */
    static void sync(Path file) throws IOException {
        try (FileChannel directory = FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
            directory.force(true);
        }
    }
}
