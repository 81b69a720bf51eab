package org.flatsnap.model;

import java.util.regex.Pattern;

/**
 * A disk's name inside its VM as the manager shows it ({@code vda}, {@code scsi0}), or its {@link VolumeName} where a store keeps
 * it for the manager; safe as one component of a path.
 */
public record DiskName(String value) implements Comparable<DiskName> {
    private static final Pattern SHAPE = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,127}");

    /** Checks the shape; a {@link Problem} says what is wrong with it. */
    public DiskName {
        if (value == null || !SHAPE.matcher(value).matches()) {
            throw Problem.invalid(
                    "bad disk name " + Quoted.of(String.valueOf(value)),
                    "a disk is named like vda or scsi0",
                    "See the names with 'flatsnap vms'");
        }
    }

    @Override
    public int compareTo(DiskName other) {
        return value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return value;
    }
}
