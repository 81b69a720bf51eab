package org.flatsnap.view;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.testing.Bench.rawDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.ZoneOffset;
import java.util.Optional;
import java.util.stream.Stream;
import org.flatsnap.fuseview.MountOptions;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.linux.Accounts;
import org.flatsnap.query.Moments;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.flatsnap.testing.Commands;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Other users in front of the view: processes of their own on a real mount. */
class ViewAccessTest {
    @TempDir
    Path directory;

    private Bench bench;
    private Domain vm;

    @BeforeEach
    void open() throws IOException {
        bench = Bench.onXfs();
        vm = bench.define("view-access", rawDisk("vda", bench.disk("vm.raw", "v0")));
        bench.take(vm, "s0");
        // Others have to reach the mount.
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
    }

    @AfterEach
    void close() throws IOException {
        bench.close();
    }

    private MountedTree mount(ViewAccess access) throws IOException {
        return new SnapshotTree(bench.catalog(), bench.engine(), Moments.in(ZoneOffset.UTC), access)
                .mount(directory.resolve("view"), MountOptions.named("flatsnap-test"));
    }

    private static int number(String user) {
        return Accounts.user(user).orElseThrow().uid();
    }

    /** Whether a user can do this with a path below the snapshot. */
    private boolean can(String user, String group, String program, String below) {
        String path = directory
                .resolve("view")
                .resolve(vm.name())
                .resolve("latest")
                .resolve(below)
                .toString();
        return Commands.exitCode("setpriv", "--reuid=" + user, "--regid=" + group, "--clear-groups", program, path)
                == 0;
    }

    private String shown(String below) {
        return Commands.run(
                        "stat",
                        "-L",
                        "-c",
                        "%U:%G %a",
                        directory
                                .resolve("view")
                                .resolve(vm.name())
                                .resolve("latest")
                                .resolve(below)
                                .toString())
                .strip();
    }

    @Test
    void unlessSaidOtherwiseImagesAreRootsAlone() throws IOException {
        try (MountedTree mounted = mount(ViewAccess.ROOTS)) {
            assertThat(mounted.isMounted()).isTrue();
            assertThat(can("daemon", "daemon", "ls", "")).isTrue();
            assertThat(can("daemon", "daemon", "cat", "snapshot.json")).isTrue();
            assertThat(can("daemon", "daemon", "cat", "disks/vda.raw")).isFalse();
            assertThat(can("daemon", "daemon", "cat", "domain.xml")).isFalse();
            assertThat(can("root", "root", "cat", "domain.xml")).isTrue();
        }
    }

    @Test
    void ownerGroupAndModeAreThoseOfTheAdministratorAndPasswordsStayTheOwners() throws IOException {
        ViewAccess access = new ViewAccess(number("daemon"), number("bin"), Optional.of(0750));
        try (MountedTree mounted = mount(access)) {
            assertThat(mounted.isMounted()).isTrue();
            assertThat(Stream.of("", "disks", "disks/vda.raw", "snapshot.json", "domain.xml")
                            .map(this::shown))
                    .containsExactly(
                            "daemon:bin 750", "daemon:bin 750", "daemon:bin 640", "daemon:bin 640", "daemon:bin 600");

            for (String below : new String[] {"snapshot.json", "disks/vda.raw", "domain.xml"}) {
                assertThat(can("daemon", "games", "cat", below))
                        .describedAs("owner, %s", below)
                        .isTrue();
                assertThat(can("games", "bin", "cat", below))
                        .describedAs("group, %s", below)
                        .isEqualTo(!below.equals("domain.xml"));
                assertThat(can("games", "games", "cat", below))
                        .describedAs("others, %s", below)
                        .isFalse();
            }
            assertThat(can("games", "games", "ls", "")).isFalse();
            assertThat(can("daemon", "games", "touch", "disks/vda.raw")).isFalse();
        }
    }

    @Test
    void definitionsAreNotOpenedByAnyMode() throws IOException {
        try (MountedTree mounted = mount(new ViewAccess(0, 0, Optional.of(0777)))) {
            assertThat(mounted.isMounted()).isTrue();
            assertThat(can("games", "games", "cat", "disks/vda.raw")).isTrue();
            assertThat(can("games", "games", "cat", "domain.xml")).isFalse();
        }
    }
}
