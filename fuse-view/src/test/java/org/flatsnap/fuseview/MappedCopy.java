package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A program that copies a file by mapping it into memory. Not for the process that serves the mount, see MountedTree. */
final class MappedCopy {

    private MappedCopy() {}

    public static void main(String[] arguments) throws IOException {
        try (FileChannel source = FileChannel.open(Path.of(arguments[0]));
                FileChannel target = FileChannel.open(
                        Path.of(arguments[1]), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            target.write(source.map(FileChannel.MapMode.READ_ONLY, 0, source.size()));
        }
    }
}
