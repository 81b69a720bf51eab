package org.flatsnap.model;

import java.util.regex.Pattern;

/** A word to find snapshots by: letters and digits of any script and {@code . _ : = -}, at most 64 characters. */
public record Tag(String value) implements Comparable<Tag> {
    private static final Pattern SHAPE = Pattern.compile("[\\p{L}\\p{N}][\\p{L}\\p{M}\\p{N}._:=-]{0,63}");

    /** Checks and normalises; a {@link Problem} says what is wrong with it. */
    public Tag {
        value = Text.printable("tag", value, false);
        if (!SHAPE.matcher(value).matches()) {
            throw Problem.invalid(
                    "bad tag " + Quoted.of(value),
                    "a tag begins with a letter or digit and has at most 64 letters, digits or . _ : = -",
                    "Write it without spaces and commas");
        }
    }

    @Override
    public int compareTo(Tag other) {
        return value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return value;
    }
}
