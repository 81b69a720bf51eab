package org.flatsnap.linux.zfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said to the programs and what is read from them, with scripts in their place. */
class ZfsProgramsTest {
    private static final DatasetName DISK = new DatasetName("tank/disk");

    @TempDir
    private Path directory;

    @Test
    void sourcesAndStrangeValuesAreRead() throws IOException {
        ZfsPrograms programs = zfsThatRuns("""
                printf 'tank/disk\\tused\\t-\\t57344\\n'
                printf 'tank/disk\\torigin\\t-\\t-\\n'
                printf 'tank/disk\\tcompression\\tinherited from tank/a b\\tlz4\\n'
                printf 'tank/disk\\treadonly\\tdefault\\toff\\n'
                printf 'tank/disk\\torg.flatsnap:id\\tlocal\\tx=1\\n'
                printf 'tank/disk\\tcom.example:dash\\treceived\\t-\\n'
                printf 'tank/disk\\tcom.example:odd\\tlocal\\tone\\ttwo\\nthree\\n\\n'
                """);

        Map<String, Property> found = programs.properties(DISK);

        assertThat(found)
                .containsOnly(
                        Map.entry("used", new Property("57344", Property.Source.NONE, "")),
                        Map.entry("compression", new Property("lz4", Property.Source.INHERITED, "tank/a b")),
                        Map.entry("readonly", new Property("off", Property.Source.DEFAULT, "")),
                        Map.entry("org.flatsnap:id", new Property("x=1", Property.Source.LOCAL, "")),
                        Map.entry("com.example:dash", new Property("-", Property.Source.RECEIVED, "")),
                        Map.entry("com.example:odd", new Property("one\ttwo\nthree\n", Property.Source.LOCAL, "")));
        assertThat(asked()).isEqualTo("get -H -p -o name,property,source,value all tank/disk");
    }

    @Test
    void aListIsRecordsInTheProgramsOrder() throws IOException {
        ZfsPrograms programs = zfsThatRuns("""
                printf 'tank/disk@a\\ttype\\t-\\tsnapshot\\n'
                printf 'tank/disk@a\\tguid\\t-\\t18446744073709551615\\n'
                printf 'tank/disk@a\\torg.flatsnap:id\\tlocal\\t1\\n'
                printf 'tank/disk@b\\ttype\\t-\\tsnapshot\\n'
                printf 'tank/disk@b\\tguid\\t-\\t2\\n'
                printf 'tank/disk@b\\torg.flatsnap:id\\t-\\t-\\n'
                """);
        List<DatasetRecord> records = new ArrayList<>();

        programs.list(DISK, Set.of(DatasetType.SNAPSHOT), false, List.of("org.flatsnap:id"), records::add);

        assertThat(records)
                .containsExactly(
                        new DatasetRecord(
                                DISK.snapshot("a"),
                                DatasetType.SNAPSHOT,
                                -1,
                                Map.of("org.flatsnap:id", new Property("1", Property.Source.LOCAL, ""))),
                        new DatasetRecord(DISK.snapshot("b"), DatasetType.SNAPSHOT, 2, Map.of()));
        assertThat(asked())
                .isEqualTo(
                        "get -H -p -t snapshot -d 1 -o name,property,source,value type,guid,org.flatsnap:id tank/disk");
    }

    @Test
    void theProgramsWordsBecomeErrnosWithARemedy() throws IOException {
        assertRefused(ZfsErrno.ENOENT, "cannot open 'tank/disk': dataset does not exist", zfs -> zfs.properties(DISK));
        assertRefused(
                ZfsErrno.EBUSY,
                "cannot unmount '/tank/disk': pool or dataset is busy",
                zfs -> zfs.renameDataset(DISK, new DatasetName("tank/new")));
        assertRefused(
                ZfsErrno.EEXIST,
                "cannot create 'tank/disk': dataset already exists",
                zfs -> zfs.createFileSystem(DISK, Map.of()));
        assertRefused(
                ZfsErrno.EINVAL,
                "cannot set property for 'tank/disk': invalid property 'x'",
                zfs -> zfs.setProperties(DISK, Map.of("x", "y")));
        assertRefused(
                ZfsErrno.ENODEV,
                "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs'",
                zfs -> zfs.mount(DISK));
    }

    @Test
    void whatThisClassCannotReadIsPassedOn() throws IOException {
        ZfsPrograms programs = zfsThatRuns("echo 'the moon is full' >&2; exit 7");

        assertThatThrownBy(() -> programs.mount(DISK))
                .isInstanceOfSatisfying(
                        ZfsException.class, e -> assertThat(e.errno()).isZero())
                .hasMessageContaining("tank/disk: the moon is full");
    }

    @Test
    void aProgramThatHangsIsTimedOut() throws IOException {
        ZfsPrograms programs = zfsThatRuns(Duration.ofMillis(500), "sleep 1000");

        assertThatThrownBy(() -> programs.mount(DISK))
                .isInstanceOfSatisfying(ZfsException.class, e -> assertThat(e.is(ZfsErrno.ETIMEDOUT))
                        .isTrue());
    }

    @Test
    void aMissingProgramSaysWhatToInstall() {
        ZfsPrograms programs = new ZfsPrograms("no-zfs", "no-zpool", Duration.ofSeconds(10));

        assertThatThrownBy(programs::pools).hasMessageContaining("no-zpool").hasMessageContaining("Install zfsutils");
    }

    @Test
    void propertiesThatZfsCannotKeepAreRefusedBeforeItIsAsked() throws IOException {
        ZfsPrograms programs = zfsThatRuns("echo asked");

        assertUnasked(ZfsErrno.E2BIG, () -> programs.setProperties(DISK, Map.of("org.flatsnap:x", "ü".repeat(4096))));
        assertUnasked(ZfsErrno.EINVAL, () -> programs.setProperties(DISK, Map.of("org.flatsnap:x", "a\nb")));
        assertUnasked(ZfsErrno.EINVAL, () -> programs.setProperties(DISK, Map.of("org.flatsnap:X", "a")));
        assertUnasked(ZfsErrno.EINVAL, () -> programs.setProperties(DISK, Map.of("-r:", "a")));
        assertUnasked(ZfsErrno.EINVAL, () -> programs.setProperties(DISK, Map.of("a:" + "b".repeat(254), "a")));
        assertUnasked(ZfsErrno.EINVAL, () -> programs.inherit(DISK, "-r"));
        assertUnasked(ZfsErrno.EINVAL, () -> programs.properties(DISK, "used,all"));

        programs.setProperties(DISK, Map.of("org.flatsnap:x", "a=b 'c' " + "x".repeat(8183)));
        assertThat(asked()).startsWith("set org.flatsnap:x=a=b 'c' xxx");
    }

    @Test
    void aDryRunAddsUpAndMissesNothing() throws IOException {
        ZfsPrograms programs = zfsThatRuns("""
                printf 'destroy\\ttank/disk@a\\ndestroy\\ttank/disk@b\\nreclaim\\t4096\\n'
                """);

        assertThat(programs.destroyDryRun(List.of(DISK.snapshot("a"), DISK.snapshot("b"))))
                .isEqualTo(4096);
        assertThat(asked()).isEqualTo("destroy -n -v -p tank/disk@a,b");
        assertThatThrownBy(() -> programs.destroyDryRun(List.of(DISK.snapshot("a"), DISK.snapshot("c"))))
                .hasMessageContaining("tank/disk@c");
    }

    @Test
    void aPoolWithoutItsDevicesHasNoSizes() throws IOException {
        ZfsPrograms programs = zfsThatRuns("""
                printf 'tank\\t17446744073709551615\\t4000\\t1000\\t3000\\tONLINE\\n'
                printf 'gone\\t2\\t-\\t-\\t-\\tUNAVAIL\\n'
                """);

        assertThat(programs.pools())
                .containsExactly(
                        new Pool("tank", -1000000000000000001L, 4000, 1000, 3000, Pool.Health.ONLINE),
                        new Pool("gone", 2, 0, 0, 0, Pool.Health.UNAVAIL));
    }

    private interface Call {
        void on(ZfsPrograms programs) throws IOException;
    }

    private void assertRefused(ZfsErrno errno, String complaint, Call call) throws IOException {
        ZfsPrograms programs = zfsThatRuns("cat >&2 <<'END'\n" + complaint + "\nEND\nexit 1");
        assertThatThrownBy(() -> call.on(programs)).isInstanceOfSatisfying(ZfsException.class, e -> {
            assertThat(e.errno()).isEqualTo(errno.number());
            assertThat(e.why()).contains(complaint.lines().findFirst().orElseThrow());
            assertThat(e.remedy()).isNotEmpty();
        });
    }

    private void assertUnasked(ZfsErrno errno, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(ZfsException.class, e -> assertThat(e.is(errno))
                .isTrue());
        assertThat(directory.resolve("asked")).doesNotExist();
    }

    private String asked() throws IOException {
        return Files.readString(directory.resolve("asked"));
    }

    private ZfsPrograms zfsThatRuns(String script) throws IOException {
        return zfsThatRuns(Duration.ofSeconds(30), script);
    }

    private ZfsPrograms zfsThatRuns(Duration limit, String script) throws IOException {
        Path program = directory.resolve("zfs");
        Files.writeString(
                program, "#!/bin/sh\nprintf '%s' \"$*\" >" + directory.resolve("asked") + "\n" + script + "\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        return new ZfsPrograms(program.toString(), program.toString(), limit);
    }
}
