package org.flatsnap.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.testing.Bench.rawDisk;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.flatsnap.server.TestCertificate;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess;
import org.flatsnap.testing.DaemonProcess.Answer;
import org.flatsnap.testing.PrivateLibvirt;
import org.flatsnap.testing.RunningGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The daemon as a process, used through the command line and the view, and killed. */
class DaemonTest {
    private Bench bench;
    private DaemonProcess daemon;
    private Path disk;
    private Domain vm;

    @BeforeEach
    void start() throws IOException {
        // The bench makes store and VM; its own engine is not wanted beside the daemon.
        bench = Bench.onXfs();
        bench.shut();
        disk = bench.disk("vm.raw", "v0");
        vm = bench.defineWhileShut("daemon", rawDisk("vda", disk));
        daemon = DaemonProcess.on(bench.store());
        daemon.start();
    }

    @AfterEach
    void close() throws IOException {
        daemon.close();
        bench.open();
        bench.close();
    }

    private List<String> names() {
        return Commands.run("find", daemon.view().toString(), "-name", "snapshot.json", "-printf", "%h\\n")
                .lines()
                .map(path -> path.substring(path.lastIndexOf('/') + 1))
                .sorted()
                .toList();
    }

    @Test
    void killedAndWithoutItsCatalogItComesBackWithTheSameSnapshots() throws IOException {
        for (String name : List.of("s0", "s1", "größer", "s3")) {
            daemon.succeed("take", vm.name(), name, "--tag", "t-" + name.length());
        }
        daemon.succeed("delete", vm.name(), "s1");
        String before = daemon.succeed("list", vm.name(), "--json");

        daemon.kill();
        try (Stream<Path> files = Files.list(daemon.state())) {
            for (Path file : files.filter(file -> file.getFileName().toString().startsWith("catalog"))
                    .toList()) {
                Files.delete(file);
            }
        }
        // The mount of the killed daemon is stale now, and the socket file is still there.
        assertThat(Commands.exitCode("ls", daemon.view().toString())).isNotZero();
        daemon.start();

        assertThat(daemon.succeed("list", vm.name(), "--json")).isEqualTo(before);
        assertThat(names()).containsExactly("größer", "s0", "s3");
        Path image = daemon.view().resolve(vm.name()).resolve("latest/disks/vda.raw");
        assertThat(Bench.read(image)).isEqualTo("v0");
    }

    @Test
    void stoppedItLeavesNoMountAndNoSocket() throws IOException {
        daemon.succeed("take", vm.name(), "s0");
        daemon.stop();

        assertThat(Commands.exitCode("mountpoint", "-q", daemon.view().toString()))
                .isNotZero();
        Answer answer = daemon.flatsnap("list");
        assertThat(answer.exitCode()).isEqualTo(3);
        assertThat(answer.errors()).contains("cannot reach flatsnapd", "systemctl start flatsnapd");

        daemon.start();
        assertThat(names()).containsExactly("s0");
    }

    @Test
    void aSecondDaemonOnTheSameStateIsRefusedAndTheFirstGoesOn() throws IOException {
        Answer second = daemon.startInVain();

        assertThat(second.exitCode()).isEqualTo(1);
        assertThat(second.errors()).contains("another flatsnapd uses it");
        daemon.succeed("take", vm.name(), "s0");
        assertThat(names()).containsExactly("s0");
    }

    @Test
    void theWholeJobThroughTheCommandLine() throws IOException {
        assertThat(daemon.succeed("vms")).contains(vm.name(), "vda");
        daemon.succeed("take", vm.name(), "s0", "--description", "before the upgrade", "--tag", "prod");
        Bench.write(disk, "v1");
        assertThat(daemon.succeed("find", "--name", "s*", "--tag", "prod", "--text", "UPGRADE"))
                .contains("s0");
        assertThat(daemon.succeed("find", "--tag", "absent")).doesNotContain("s0");
        assertThat(daemon.succeed("space", vm.name(), "s0")).contains("s0", "together 1.0 MiB");
        daemon.succeed("hold", vm.name(), "s0");
        assertThat(daemon.flatsnap("delete", vm.name(), "s0").exitCode()).isEqualTo(1);
        daemon.succeed("release", vm.name(), "s0");

        daemon.succeed("rollback", vm.name(), "s0");
        assertThat(Bench.read(disk)).isEqualTo("v0");
        daemon.succeed("undo", vm.name());
        assertThat(Bench.read(disk)).isEqualTo("v1");

        String clone = vm.name() + "-copy";
        daemon.succeed("clone", vm.name(), "s0", clone);
        bench.adopt(new Domain(
                clone, Commands.run("virsh", "-c", Bench.URI, "domuuid", clone).strip()));
        assertThat(Bench.read(disk.resolveSibling(clone + "-vda.raw"))).isEqualTo("v0");

        daemon.succeed("tag", vm.name(), "s0", "--add", "keep", "--remove", "prod");
        daemon.succeed("describe", vm.name(), "s0", "after all");
        assertThat(daemon.succeed("show", vm.name(), "s0"))
                .contains("keep", "after all")
                .doesNotContain("prod");
        assertThat(daemon.succeed("catalog", "rebuild")).contains("3");
        daemon.succeed("delete", vm.name(), "s0");
        assertThat(names()).allMatch(name -> name.startsWith("guard-"));
        assertThat(daemon.flatsnap("doctor").output()).contains(bench.store().toString(), "view", "watchdog");
    }

    @Test
    void systemdIsToldWhenItIsReady() throws IOException, InterruptedException {
        daemon.stop();
        Path socket = Files.createTempDirectory("notify").resolve("socket");
        // Java has no datagram sockets of the unix kind; Perl is part of every Debian.
        Process manager = new ProcessBuilder(
                        "perl",
                        "-MIO::Socket::UNIX",
                        "-e",
                        "my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;"
                                + " $| = 1; print \"listening\\n\"; $s->recv(my $m, 4096); print \"$m\\n\"",
                        socket.toString())
                .redirectErrorStream(true)
                .start();
        try (var output = manager.inputReader()) {
            assertThat(output.readLine()).isEqualTo("listening");
            daemon.start(Map.of("NOTIFY_SOCKET", socket.toString()));
            assertThat(output.readLine()).isEqualTo("READY=1");
        } finally {
            manager.destroy();
            manager.waitFor();
            Files.deleteIfExists(socket);
            Files.delete(socket.getParent());
        }
    }

    @Test
    void withLibvirtAwaySnapshotsAreStillListedShownAndDeleted() throws IOException {
        daemon.succeed("take", vm.name(), "s0");
        daemon.succeed("take", vm.name(), "s1");
        daemon.stop();
        daemon.configure("libvirt = \"qemu+unix:///system?socket=/nonexistent\"");
        daemon.startWithoutLibvirt();

        Answer take = daemon.flatsnap("take", vm.name(), "s2");
        assertThat(take.exitCode()).isEqualTo(1);
        assertThat(take.errors()).contains("does not answer", "systemctl start libvirtd");
        assertThat(names()).containsExactly("s0", "s1");
        daemon.succeed("delete", vm.name(), "s0");
        assertThat(names()).containsExactly("s1");
        assertThat(daemon.flatsnap("doctor").output()).contains("does not answer");
    }

    @Test
    void withALibvirtThatHangsEverythingEndsAndGoesOnWhenItWakes() throws Exception {
        daemon.stop();
        try (PrivateLibvirt libvirt = new PrivateLibvirt()) {
            daemon.configure("libvirt = \"" + libvirt.uri() + "\"");
            daemon.start();
            assertThat(daemon.succeed("vms")).contains("test");
            libvirt.hang();

            List<CompletableFuture<Answer>> answers = Stream.of(
                            new String[] {"vms"}, new String[] {"take", "test", "s0"}, new String[] {"doctor"})
                    .map(command -> CompletableFuture.supplyAsync(() -> daemon.flatsnap(command)))
                    .toList();
            for (CompletableFuture<Answer> future : answers) {
                Answer answer = future.get(2, TimeUnit.MINUTES);
                assertThat(answer.exitCode()).isNotZero();
                assertThat(answer.output() + answer.errors())
                        .contains("has not answered within 15 s", "systemctl restart libvirtd");
            }

            libvirt.wake();
            assertThat(daemon.succeed("vms")).contains("test");
            daemon.stop();
        }
    }

    @Test
    void theDoctorTellsWhenTheWatchdogDoesNotStayAlive() {
        RunningGuest.await(Duration.ofSeconds(60), "the doctor to miss the watchdog", () -> {
            watchdogs().forEach(ProcessHandle::destroyForcibly);
            return daemon.flatsnap("doctor").output().contains("neither frozen nor paused");
        });
        RunningGuest.await(Duration.ofSeconds(60), "another watchdog", () -> daemon.flatsnap("doctor")
                .output()
                .contains("lets guests go on in time"));
        assertThat(watchdogs()).hasSize(1);
    }

    private List<ProcessHandle> watchdogs() {
        return ProcessHandle.current()
                .descendants()
                .filter(process -> commandLine(process).contains("hypervisor.Watchdog\0"))
                .filter(process -> commandLine(process).contains(daemon.state().toString()))
                .toList();
    }

    private static String commandLine(ProcessHandle process) {
        try {
            return Files.readString(Path.of("/proc", String.valueOf(process.pid()), "cmdline"));
        } catch (IOException e) {
            // It has just ended.
            return "";
        }
    }

    @Test
    void whatAnAdministratorSaysOfDoorsAndViewHolds(@TempDir Path directory) throws IOException {
        TestCertificate certificate = TestCertificate.make(directory, "daemon");
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        daemon.stop();
        daemon.configure("""
                socket-group = "daemon"
                view-owner = "daemon"
                view-mode = "0700"
                access = [{user = "bin", role = "viewer", vms = ["nothing*"]}, {group = "no-such-group", role = "admin"}]
                network = {listen = "127.0.0.1:%d", certificate = "%s", key = "%s"}
                """.formatted(port, certificate.certificate(), certificate.key()));
        daemon.start();
        daemon.succeed("take", vm.name(), "s0");

        assertThat(Commands.run("stat", "-c", "%U:%G %a", daemon.view().toString()))
                .isEqualTo("daemon:root 700\n");
        Path token = Files.writeString(
                directory.resolve("token"), daemon.succeed("token", "create", "ci", "--role", "viewer"));
        Files.setPosixFilePermissions(token, PosixFilePermissions.fromString("rw-------"));
        String[] remote = {
            "--server=https://localhost:" + port, "--token-file=" + token, "--ca-file=" + certificate.certificate()
        };
        assertThat(daemon.succeed("list", remote[0], remote[1], remote[2])).contains("s0");
        assertThat(daemon.flatsnap("take", vm.name(), remote[0], remote[1], remote[2])
                        .errors())
                .contains("it takes the role operator");
        assertThat(daemon.succeed("audit")).contains("token:ci", "FORBIDDEN", "create-token", "take");
        assertThat(daemon.flatsnap("doctor").output())
                .contains("this host knows no group no-such-group", "network 127.0.0.1");
    }
}
