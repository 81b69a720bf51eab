package org.flatsnap.catalog;

import java.time.Instant;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * A VM that has snapshots.
 *
 * @param vm its identity
 * @param name the display name it had when its newest snapshot was taken
 * @param snapshots how many there are, at least 1
 * @param newest the newest of them
 * @param newestTakenAt when that was taken
 */
public record VmEntry(VmId vm, VmName name, long snapshots, SnapshotId newest, Instant newestTakenAt) {}
