package org.flatsnap.linux.zfs;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;
import org.flatsnap.linux.Descriptor;
import org.flatsnap.linux.ErrnoException;

/**
 * The block devices of volumes below {@code /dev/zvol}. udev makes, moves and removes the links there some time after
 * the kernel created, renamed or destroyed a volume: until then a name can be missing or lead to the volume that had it before.
 */
public final class ZvolDevices {
    /** Below it lies a link for each volume. */
    public static final Path LINKS = Path.of("/dev/zvol");

    /** Partitions have a {@code p} and a number after it. */
    private static final Pattern DEVICE = Pattern.compile("zd[0-9]+");

    /** {@code BLKZNAME} of sys/fs/zfs.h: _IOR(0x12, 125, char[ZFS_MAX_DATASET_NAME_LEN]). */
    private static final long BLKZNAME = 0x8100127DL;

    /** {@code ERESTARTSYS} of linux/errno.h, which zvol_open() lets out when the pool's lock is taken. */
    private static final int ERESTARTSYS = 512;

    private static final int NAME_SIZE = DatasetName.LENGTH_LIMIT + 1;

    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(20);

    private ZvolDevices() {}

    /**
     * Where the link of a volume, or of a volume's snapshot with {@code snapdev=visible}, is or will be. Blanks are plus signs
     * there (zvol_id_main.c).
     */
    public static Path path(ZfsName volume) {
        return LINKS.resolve(volume.toString().replace(' ', '+'));
    }

    /**
     * The volume behind a device, asked of the device itself.
     *
     * @param device without symbolic links
     * @return empty if it is no volume: another device, a partition of a volume, a file, nothing
     * @throws IOException if the device cannot be opened
     */
    public static Optional<DatasetName> volume(Path device) throws IOException {
        if (!device.startsWith("/dev")
                || !DEVICE.matcher(device.getFileName().toString()).matches()) {
            return Optional.empty();
        }
        return name(device).filter(name -> name.indexOf('@') < 0).map(DatasetName::new);
    }

    /**
     * Waits until the link of a volume is there and leads to this very volume, asked of the device itself. The device is
     * opened for reading for a moment each time, which makes a destroy or promote at that moment fail busy.
     *
     * @return the link
     * @throws ZfsException ETIMEDOUT if the link is missing or leads elsewhere when the time is over
     * @throws InterruptedIOException if this thread was interrupted; the flag stays set
     * @throws IOException if there is a device that cannot be opened for another reason
     */
    public static Path await(ZfsName volume, Duration limit) throws IOException {
        Path link = path(volume);
        long deadline = System.nanoTime() + limit.toNanos();
        while (!leadsTo(link, volume)) {
            if (System.nanoTime() - deadline >= 0) {
                throw ZfsException.of(ZfsCall.DEVICE, link, ZfsErrno.ETIMEDOUT.number());
            }
            pause();
        }
        return link;
    }

    private static boolean leadsTo(Path link, ZfsName volume) throws IOException {
        try {
            return Files.exists(link)
                    && name(link).filter(volume.toString()::equals).isPresent();
        } catch (ErrnoException e) {
            if (e.errno() == ERESTARTSYS) {
                return false;
            }
            throw e;
        }
    }

    private static Optional<String> name(Path path) throws IOException {
        try (Descriptor device = Descriptor.openForReading(path)) {
            byte[] answer = device.readIoctl(BLKZNAME, NAME_SIZE);
            int length = 0;
            while (length < answer.length && answer[length] != 0) {
                length++;
            }
            return Optional.of(new String(answer, 0, length, StandardCharsets.UTF_8));
        } catch (ErrnoException e) {
            if (e.errno() == ZfsErrno.ENOENT.number() || e.errno() == ZfsErrno.ENXIO.number()) {
                // Removed or replaced between two looks.
                return Optional.empty();
            }
            throw e;
        }
    }

    private static void pause() throws InterruptedIOException {
        try {
            Thread.sleep(BETWEEN_LOOKS.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (InterruptedIOException)
                    new InterruptedIOException("interrupted while waiting for a device").initCause(e);
        }
    }
}
