package org.flatsnap.linux.zfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.flatsnap.linux.Programs;

/** Two real pools on the first two disks of {@code FLATSNAP_DISKS}, destroyed with all they hold when closed. */
final class TestPools implements AutoCloseable {
    static final DatasetName TANK = new DatasetName("tank");
    static final DatasetName OTHER = new DatasetName("other");

    static final Duration LIMIT = Duration.ofMinutes(2);

    private static final long VOLUME_SIZE = 64L << 20;
    private static final int BLOCK = 1 << 20;

    private TestPools() {}

    static TestPools make() throws IOException {
        String disks = System.getenv("FLATSNAP_DISKS");
        assertThat(disks).as("FLATSNAP_DISKS, two disks to be overwritten").isNotNull();
        String[] devices = disks.split(" ");
        run("zpool", "create", "-f", TANK.name(), devices[0]);
        run("zpool", "create", "-f", OTHER.name(), devices[1]);
        return new TestPools();
    }

    /** A thin volume of 64 MiB with random bytes in its first MiB. */
    static DatasetName volume(String name) throws IOException {
        return volume(TANK.child(name));
    }

    static DatasetName volume(DatasetName volume) throws IOException {
        run("zfs", "create", "-s", "-V", Long.toString(VOLUME_SIZE), volume.name());
        write(volume, volume.name());
        return volume;
    }

    /** Fills the first MiB of a volume with a text. */
    static void write(DatasetName volume, String text) throws IOException {
        try (FileChannel channel = FileChannel.open(ZvolDevices.await(volume, LIMIT), StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(block(text)), 0);
            channel.force(true);
        }
    }

    static void assertReads(ZfsName volume, String text) throws IOException {
        assertReads(ZvolDevices.await(volume, LIMIT), text);
    }

    static void assertReads(Path device, String text) throws IOException {
        ByteBuffer read = ByteBuffer.allocate(BLOCK);
        try (FileChannel channel = FileChannel.open(device, StandardOpenOption.READ)) {
            channel.read(read, 0);
        }
        assertThat(Arrays.equals(read.array(), block(text)))
                .as("%s has the bytes of %s", device, text)
                .isTrue();
    }

    private static byte[] block(String text) {
        byte[] bytes = new byte[BLOCK];
        new Random(text.hashCode()).nextBytes(bytes);
        return bytes;
    }

    /** Refused with that errno, in a message that names call, subject and what to do. */
    static ZfsException assertRefused(ZfsErrno errno, ThrowingCallable call) {
        ZfsException[] thrown = new ZfsException[1];
        assertThatThrownBy(call).isInstanceOfSatisfying(ZfsException.class, e -> {
            thrown[0] = e;
            assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno.number());
            assertThat(e.getMessage()).contains(e.call(), e.subject(), e.why(), e.remedy());
        });
        return thrown[0];
    }

    /** Refused with that errno for these names and no other. */
    static void assertRefused(ZfsErrno errno, List<? extends ZfsName> names, ThrowingCallable call) {
        ZfsException refusal = assertRefused(errno, call);
        assertThat(refusal.failures().stream().map(ZfsException.Failure::name))
                .containsExactlyInAnyOrderElementsOf(
                        names.stream().map(ZfsName::toString).toList());
        assertThat(refusal.failures())
                .allSatisfy(failure -> assertThat(failure.errno()).isEqualTo(errno.number()));
    }

    /** Destroys a volume as soon as udev, which looks into each that appears or was written, has closed it. */
    static void destroy(ZfsCore zfs, DatasetName volume) throws IOException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (true) {
            try {
                zfs.destroy(volume);
                return;
            } catch (ZfsException e) {
                if (!e.is(ZfsErrno.EBUSY) || System.nanoTime() - deadline > 0) {
                    throw e;
                }
            }
        }
    }

    static Map<String, String> none() {
        return Map.of();
    }

    static String run(String... command) throws IOException {
        Programs.Ended ended = Programs.run(List.of(command), LIMIT);
        assertThat(ended.exitCode())
                .as("%s: %s", String.join(" ", command), ended.errors())
                .isZero();
        return ended.output();
    }

    @Override
    public void close() throws IOException {
        destroyPool(TANK);
        destroyPool(OTHER);
    }

    /** As soon as udev has closed its volumes. */
    private static void destroyPool(DatasetName pool) throws IOException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        List<String> command = List.of("zpool", "destroy", "-f", pool.name());
        Programs.Ended ended = Programs.run(command, LIMIT);
        while (ended.exitCode() != 0 && ended.errors().contains("busy") && System.nanoTime() < deadline) {
            ended = Programs.run(command, LIMIT);
        }
        assertThat(ended.exitCode()).as("%s: %s", command, ended.errors()).isZero();
    }
}
