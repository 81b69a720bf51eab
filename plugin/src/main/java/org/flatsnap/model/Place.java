package org.flatsnap.model;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * Where a store is, as people and storage plugins say it: the absolute path of a directory in its normal form, or the name of
 * a ZFS dataset. At most 1024 bytes, without control characters. Whether there is such a store, opening it tells.
 */
public record Place(String value) implements Comparable<Place> {
    private static final int MAX_LENGTH = 1024;

    /** Checks and normalises; a {@link Problem} says what is wrong with it. */
    public Place {
        String shown = "bad place of a store " + Quoted.of(String.valueOf(value));
        value = Text.printable("place of a store", value, false);
        if (value.isEmpty() || value.length() > MAX_LENGTH) {
            throw Problem.invalid(
                    shown,
                    "it is empty or longer than " + MAX_LENGTH + " characters",
                    "Name a directory such as /mnt/vms, or a ZFS dataset such as tank/vms");
        }
        try {
            value = isDirectory(value) ? Path.of(value).normalize().toString() : value;
        } catch (InvalidPathException e) {
            throw Problem.invalid(shown, "it is no path", "Name a directory such as /mnt/vms");
        }
    }

    private static boolean isDirectory(String text) {
        return text.startsWith("/");
    }

    /** Whether it is a directory, not a dataset. */
    public boolean directory() {
        return isDirectory(value);
    }

    @Override
    public int compareTo(Place other) {
        return value.compareTo(other.value);
    }

    @Override
    public String toString() {
        return value;
    }
}
