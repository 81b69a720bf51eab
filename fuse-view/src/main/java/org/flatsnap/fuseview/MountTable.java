package org.flatsnap.fuseview;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is mounted, from {@code /proc/self/mountinfo} (proc(5)). */
final class MountTable {

    private static final Path MOUNTINFO = Path.of("/proc/self/mountinfo");
    private static final Logger LOG = LoggerFactory.getLogger(MountTable.class);
    private static final Path BACKING_DEVICES = Path.of("/sys/class/bdi");
    private static final int DEVICE = 2;
    private static final int MOUNT_POINT = 4;

    /**
     * One mount.
     *
     * @param device {@code major:minor}, which tells apart mounts that follow each other at one place
     * @param type file system type, for example {@code fuse.flatsnap}
     * @param source device or name
     */
    record Mount(String device, String type, String source) {

        boolean isFuse() {
            return type.equals("fuse") || type.startsWith("fuse.");
        }

        /** Lets the kernel read ahead so far; where that is not allowed it stays at its own 128 KiB. */
        void readAhead(int kibibytes) {
            try {
                Files.writeString(
                        BACKING_DEVICES.resolve(device).resolve("read_ahead_kb"), Integer.toString(kibibytes));
            } catch (IOException e) {
                LOG.info("the kernel reads ahead as far as it likes in {}: {}", source, e.toString());
            }
        }
    }

    /**
     * The mount that is on top at exactly this path.
     *
     * @param path absolute, without symbolic links
     * @throws IOException if the table cannot be read
     */
    Optional<Mount> at(Path path) throws IOException {
        Mount top = null;
        // Paths may hold bytes of any kind; this character set keeps each byte as it is.
        for (String line : Files.readAllLines(MOUNTINFO, StandardCharsets.ISO_8859_1)) {
            String[] fields = line.split(" ");
            if (unescape(fields[MOUNT_POINT]).equals(path.toString())) {
                int separator = line.indexOf(" - ");
                String[] kind = line.substring(separator + 3).split(" ");
                top = new Mount(fields[DEVICE], unescape(kind[0]), unescape(kind[1]));
            }
        }
        return Optional.ofNullable(top);
    }

    /** Space, tab, newline and backslash are written as a backslash and three octal digits. */
    private static String unescape(String field) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int i = 0; i < field.length(); i++) {
            if (field.charAt(i) == '\\' && i + 3 < field.length()) {
                bytes.write(Integer.parseInt(field.substring(i + 1, i + 4), 8));
                i += 3;
            } else {
                bytes.write(field.charAt(i));
            }
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
