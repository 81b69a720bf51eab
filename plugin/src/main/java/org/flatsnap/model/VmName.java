package org.flatsnap.model;

/** A VM's display name, in normal form C, 1 to 200 bytes, without '/' and control characters. Not unique. */
public record VmName(String value) implements Comparable<VmName> {
    private static final int MAX_BYTES = 200;

    /** Checks and normalises; a {@link Problem} says what is wrong with it. */
    public VmName {
        value = Text.pathComponent("VM name", value, MAX_BYTES);
    }

    @Override
    public int compareTo(VmName other) {
        return value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return value;
    }
}
