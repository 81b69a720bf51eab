package org.flatsnap.model;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The name of a disk that is kept for Proxmox VE, as that forms it, without directory and suffix: {@code vm-100-disk-0},
 * {@code base-100-disk-0}, {@code vm-100-cloudinit}. Safe as one component of a path or of a ZFS name; at most 128 characters.
 */
public record VolumeName(String value) implements Comparable<VolumeName> {
    private static final Pattern SHAPE =
            Pattern.compile("(?=.{1,128}$)(?:vm|base)-([1-9][0-9]{2,8})-[A-Za-z0-9][A-Za-z0-9_.-]*");

    /** Checks the shape; a {@link Problem} says what is wrong with it. */
    public VolumeName {
        if (value == null || !looksLikeOne(value)) {
            throw Problem.invalid(
                    "bad volume name " + Quoted.of(String.valueOf(value)),
                    "a volume is named like vm-100-disk-0, after the guest that owns it",
                    "See the names with 'pvesm list'");
        }
    }

    /** Whether {@code text} has the shape of a volume's name. */
    public static boolean looksLikeOne(String text) {
        return SHAPE.matcher(text).matches();
    }

    /** The number of the guest that owns it, 100 to 999999999. */
    public int vmid() {
        Matcher matcher = SHAPE.matcher(value);
        if (!matcher.matches()) {
            throw new IllegalStateException(value + " was checked");
        }
        return Integer.parseInt(matcher.group(1));
    }

    /** What the disk is called in snapshots. */
    public DiskName disk() {
        return new DiskName(value);
    }

    @Override
    public int compareTo(VolumeName other) {
        return value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return value;
    }
}
