package org.flatsnap.model;

/**
 * The name a person gave a snapshot, unique within its VM: normal form C, 1 to 200 bytes, without '/' and control
 * characters, not beginning with '.' or '-', without spaces at either end, and not the word {@code latest}.
 */
public record SnapshotName(String value) implements Comparable<SnapshotName> {
    // Below the 255 bytes of a directory entry, so that a suffix still fits.
    private static final int MAX_BYTES = 200;

    /** Checks and normalises; a {@link Problem} says what is wrong with it. */
    public SnapshotName {
        value = Text.pathComponent("snapshot name", value, MAX_BYTES);
        String shown = "bad snapshot name " + Quoted.of(value);
        if (value.startsWith(".")) {
            throw Problem.invalid(shown, "names with a leading '.' are hidden in the view", "Leave the '.' out");
        }
        if (value.startsWith("-")) {
            throw Problem.invalid(shown, "a leading '-' reads like an option", "Begin with a letter or digit");
        }
        if (!value.equals(value.strip())) {
            throw Problem.invalid(shown, "it begins or ends with a space", "Leave the space out");
        }
        if (value.equals("latest")) {
            throw Problem.invalid(shown, "'latest' stands for the newest snapshot", "Choose another name");
        }
    }

    @Override
    public int compareTo(SnapshotName other) {
        return value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return value;
    }
}
