package org.flatsnap.engine;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.flatsnap.linux.zfs.ZvolDevices;

/** The one path by which a live disk is known, whatever links lead to it. */
final class LivePath {
    private LivePath() {}

    /**
     * A file without symbolic links; a volume of ZFS by its link below /dev/zvol, because its device has another number after
     * each rollback.
     *
     * @throws IOException if there is nothing
     */
    static Path existing(String source) throws IOException {
        Path real = Path.of(source).toRealPath();
        return ZvolDevices.volume(real).map(ZvolDevices::path).orElse(real);
    }

    /** The same; what does not exist is known by the name it would have. */
    static Path of(String source) {
        try {
            return existing(source);
        } catch (IOException e) {
            return Path.of(source).toAbsolutePath().normalize();
        }
    }

    /** Whether a definition names a volume by a device that it does not keep. */
    static boolean passing(String source) {
        return Optional.ofNullable(Path.of(source).getFileName())
                .filter(name -> name.toString().matches("zd[0-9]+"))
                .isPresent();
    }
}
