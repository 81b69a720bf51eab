package org.flatsnap.model;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A VM's identity at its manager: for libvirt its UUID, for Proxmox VE its VMID and the time at which its configuration was made,
 * {@code 100-1690000000}. It outlives a rename and is never given to another VM.
 *
 * <p>Safe as one component of a path: lower case letters, digits and dashes, at most 64.
 */
public record VmId(String value) implements Comparable<VmId> {
    private static final Pattern SHAPE = Pattern.compile("[a-z0-9][a-z0-9-]{0,63}");
    private static final Pattern NUMBERED = Pattern.compile("([1-9][0-9]{2,8})-[0-9]+");

    /** Checks the shape; a {@link Problem} says what is wrong with it. */
    public VmId {
        if (value == null || !SHAPE.matcher(value).matches()) {
            throw Problem.invalid(
                    "bad VM id " + Quoted.of(String.valueOf(value)),
                    "an id has lower case letters, digits and dashes",
                    "Copy it from 'flatsnap vms'");
        }
    }

    /**
     * Whether people can mean this VM by {@code text}: the whole id, or Proxmox VE's number of it, which stands before the time
     * at which it was made.
     */
    public boolean meantBy(String text) {
        if (!value.startsWith(text)) {
            return false;
        }
        Matcher numbered = NUMBERED.matcher(value);
        return value.equals(text) || numbered.matches() && numbered.group(1).equals(text);
    }

    /** Whether {@code text} has the shape of an id. */
    public static boolean looksLikeOne(String text) {
        return SHAPE.matcher(text).matches();
    }

    /** The first eight characters, enough to tell VMs of one name apart. */
    public String shortForm() {
        return value.substring(0, Math.min(8, value.length()));
    }

    @Override
    public int compareTo(VmId other) {
        return value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return value;
    }
}
