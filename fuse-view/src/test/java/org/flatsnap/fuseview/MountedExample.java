package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** {@link MemoryTree#example()}, mounted for one test on a directory that every user can reach, and room for copies. */
final class MountedExample implements BeforeEachCallback, AfterEachCallback {

    private final MountOptions options;
    private final Duration validity;
    private Path directory;
    private MemoryTree tree;
    private MountedTree mounted;

    MountedExample() {
        this(MountOptions.named("flatsnap-test"), Duration.ZERO);
    }

    MountedExample(MountOptions options, Duration validity) {
        this.options = options;
        this.validity = validity;
    }

    @Override
    public void beforeEach(ExtensionContext context) throws IOException {
        directory = Files.createTempDirectory("fuse-view");
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        tree = MemoryTree.example();
        tree.valid(validity);
        mounted = MountedTree.mount(directory.resolve("mount"), tree, options);
    }

    @Override
    public void afterEach(ExtensionContext context) throws IOException {
        mounted.close();
        assertThat(new MountTable().at(mounted.mountPoint())).isEmpty();
        Program.run("rm", "-r", "--one-file-system", directory).quietly();
    }

    MemoryTree tree() {
        return tree;
    }

    MemoryDirectory root() {
        return tree.root();
    }

    MountedTree mounted() {
        return mounted;
    }

    Path path(String relative) {
        return mounted.mountPoint().resolve(relative);
    }

    /** A path beside the mount. */
    Path beside(String name) {
        return directory.resolve(name);
    }
}
