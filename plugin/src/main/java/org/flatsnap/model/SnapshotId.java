package org.flatsnap.model;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.regex.Pattern;

/**
 * A snapshot's identity: the UTC time it was begun and eight random hex digits, {@code 20261122t081637123-5f3a09bc}.
 *
 * <p>Ids sort by time, never repeat, and are safe as one component of a path or of a ZFS snapshot name.
 */
public record SnapshotId(String value) implements Comparable<SnapshotId> {
    private static final Pattern SHAPE = Pattern.compile("[0-9]{8}t[0-9]{9}-[0-9a-f]{8}");
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("uuuuMMdd't'HHmmssSSS").withZone(ZoneOffset.UTC);

    /** Checks the shape; a {@link Problem} says what is wrong with it. */
    public SnapshotId {
        if (value == null || !SHAPE.matcher(value).matches()) {
            throw Problem.invalid(
                    "bad snapshot id " + Quoted.of(String.valueOf(value)),
                    "an id looks like 20261122t081637123-5f3a09bc",
                    "Copy it from 'flatsnap list --json'");
        }
    }

    /** Builds the id of a snapshot begun at {@code time}; {@code random} tells those of one millisecond apart. */
    public static SnapshotId of(Instant time, int random) {
        return new SnapshotId(TIME.format(time) + String.format("-%08x", random));
    }

    /** Whether {@code text} has the shape of an id, so that a person may write an id where a name is expected. */
    public static boolean looksLikeOne(String text) {
        return SHAPE.matcher(text).matches();
    }

    @Override
    public int compareTo(SnapshotId other) {
        return value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return value;
    }
}
