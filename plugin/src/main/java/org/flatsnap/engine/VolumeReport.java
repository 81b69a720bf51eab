package org.flatsnap.engine;

import java.time.Instant;
import org.flatsnap.model.VolumeName;
import org.flatsnap.store.Volumes.Volume;

/**
 * A volume, as it is told.
 *
 * @param path under which its guest opens it
 * @param bytes its size
 * @param usedBytes the room that its present content takes, shared with snapshots or not
 * @param madeAt when what lies there was made; a rollback makes it anew
 */
public record VolumeReport(VolumeName name, String path, long bytes, long usedBytes, Instant madeAt) {
    static VolumeReport of(Volume volume) {
        return new VolumeReport(
                volume.name(), volume.path().toString(), volume.bytes(), volume.usedBytes(), volume.madeAt());
    }
}
