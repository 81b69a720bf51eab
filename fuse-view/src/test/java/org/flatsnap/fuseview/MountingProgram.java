package org.flatsnap.fuseview;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;

/** A program that mounts the example tree, says so, and serves it until its input ends. */
final class MountingProgram {

    private MountingProgram() {}

    public static void main(String[] arguments) throws IOException {
        MemoryTree tree = MemoryTree.example();
        tree.valid(Duration.ofHours(1));
        try (MountedTree mounted =
                MountedTree.mount(Path.of(arguments[0]), tree, MountOptions.named("flatsnap-test"))) {
            System.out.println(mounted.isMounted() ? "mounted" : "not mounted");
            System.in.transferTo(OutputStream.nullOutputStream());
        }
    }
}
