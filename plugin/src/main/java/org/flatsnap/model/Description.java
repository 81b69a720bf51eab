package org.flatsnap.model;

/** Free text about a snapshot, possibly empty: at most 4096 characters, lines allowed, other control characters not. */
public record Description(String value) {
    /** No description. */
    public static final Description NONE = new Description("");

    private static final int MAX_LENGTH = 4096;

    /** Checks and normalises; a {@link Problem} says what is wrong with it. */
    public Description {
        value = Text.printable("description", value, true).strip();
        if (value.length() > MAX_LENGTH) {
            throw Problem.invalid(
                    "bad description",
                    "it has " + value.length() + " characters, the limit is " + MAX_LENGTH,
                    "Shorten it");
        }
    }

    @Override
    public String toString() {
        return value;
    }
}
