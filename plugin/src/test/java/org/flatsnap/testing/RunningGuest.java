package org.flatsnap.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import org.flatsnap.linux.Reflink;
import org.flatsnap.testing.Bench.Domain;

/**
 * The guest of {@code packaging/guest}: real QEMU, a real kernel, a real agent. It appends a line "n time" to
 * {@code /data/log} on vda, syncs it, appends the same to {@code /data2/log} on vdb, syncs that, and so on: at any one moment
 * the last number on vda is that on vdb or one more.
 */
public final class RunningGuest {
    private static final Duration BOOT = Duration.ofSeconds(120);
    private static final long DISK_SIZE = 64L << 20;

    private final Bench bench;
    private final Domain domain;
    private final Path vda;
    private final Path vdb;

    private RunningGuest(Bench bench, Domain domain, Path vda, Path vdb) {
        this.bench = bench;
        this.domain = domain;
        this.vda = vda;
        this.vdb = vdb;
    }

    /** Boots one with both disks in the bench's first store; it ends with the bench. */
    public static RunningGuest boot(Bench bench) throws IOException {
        String uuid = UUID.randomUUID().toString();
        String name = "guest-" + uuid.substring(0, 8);
        Path vda = format(bench.store().resolve(name + "-a.raw"));
        Path vdb = format(bench.store().resolve(name + "-b.raw"));
        Path script = Path.of("../packaging/guest/domain").toAbsolutePath().normalize();
        bench.libvirt().define(Commands.run(script.toString(), "--uuid", uuid, name, vda.toString(), vdb.toString()));
        Domain domain = new Domain(name, uuid);
        bench.adopt(domain);
        RunningGuest guest = new RunningGuest(bench, domain, vda, vdb);
        virsh("start", uuid);
        guest.awaitWriting();
        return guest;
    }

    private static Path format(Path disk) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(DISK_SIZE);
        }
        Commands.run("mkfs.ext4", "-q", disk.toString());
        return disk;
    }

    /** As libvirt knows it. */
    public Domain domain() {
        return domain;
    }

    /** Runs virsh. */
    public static String virsh(String... arguments) {
        String[] command = new String[arguments.length + 3];
        command[0] = "virsh";
        command[1] = "-c";
        command[2] = Bench.URI;
        System.arraycopy(arguments, 0, command, 3, arguments.length);
        return Commands.run(command);
    }

    /** Waits until the agent answers and the guest writes. */
    public void awaitWriting() {
        await(BOOT, "agent of " + domain.name(), () -> agentAnswers());
        assertWriting();
    }

    private boolean agentAnswers() {
        return Commands.exitCode(
                        "virsh",
                        "-c",
                        Bench.URI,
                        "qemu-agent-command",
                        domain.uuid(),
                        "--timeout",
                        "2",
                        "{\"execute\":\"guest-ping\"}")
                == 0;
    }

    /** Checks that the guest writes to its disk: it is neither frozen nor paused. */
    public void assertWriting() {
        long before = lastLive();
        await(Duration.ofSeconds(60), domain.name() + " to write", () -> lastLive() > before);
    }

    private long lastLive() {
        try {
            return last(log(vda));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** The numbers in the log on an image; its journal is replayed on a throwaway clone. */
    public List<Long> log(Path image) throws IOException {
        Path clone = bench.store().resolve(UUID.randomUUID() + ".tmp");
        Reflink.cloneFile(image, clone);
        Path mountPoint = Files.createTempDirectory("flatsnap-log");
        Commands.run("mount", "-o", "loop", clone.toString(), mountPoint.toString());
        try {
            Path log = mountPoint.resolve("log");
            return Files.exists(log)
                    ? Files.readAllLines(log).stream()
                            .filter(line -> line.contains(" "))
                            .map(line -> Long.valueOf(line.substring(0, line.indexOf(' '))))
                            .toList()
                    : List.of();
        } finally {
            Commands.run("umount", mountPoint.toString());
            Files.delete(mountPoint);
            Files.delete(clone);
        }
    }

    /** The highest number in a log, 0 if it is empty. */
    public static long last(List<Long> log) {
        return log.isEmpty() ? 0 : log.get(log.size() - 1);
    }

    /** Runs a shell command in the guest, without waiting for it. */
    public void exec(String shell) {
        virsh(
                "qemu-agent-command",
                domain.uuid(),
                "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",\"arg\":[\"-c\",\"" + shell + "\"]}}");
    }

    /** Checks that both images show one moment: no gaps, and at most the one line between them that may be. */
    public void assertOneMoment(Path imageOfVda, Path imageOfVdb) throws IOException {
        List<Long> first = log(imageOfVda);
        List<Long> second = log(imageOfVdb);
        assertThat(first).isNotEmpty();
        for (int i = 0; i < first.size(); i++) {
            assertThat(first.get(i)).isEqualTo(i + 1L);
        }
        assertThat(last(first) - last(second)).isIn(0L, 1L);
    }

    /** Waits for something that takes time in another process. */
    public static void await(Duration patience, String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + patience.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("waited " + patience.toSeconds() + " s for " + what);
            }
            try {
                Thread.sleep(100);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError(e);
            }
        }
    }
}
