package org.flatsnap.store;

import java.nio.file.Path;
import java.time.Instant;

/**
 * An image of a live disk that somebody else made.
 *
 * @param name what its maker calls it
 * @param source the live disk's path
 * @param guid as in {@link org.flatsnap.model.DiskImage#guid}
 * @param created to the second
 * @param moment the same for images made at one moment
 * @param bytes the size of the raw image
 */
public record ForeignImage(String name, Path source, String guid, Instant created, long moment, long bytes) {}
