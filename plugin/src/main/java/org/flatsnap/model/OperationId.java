package org.flatsnap.model;

import java.util.UUID;

/** The identity of one request, chosen by the client: a retry with the same id gets the first result. */
public record OperationId(UUID value) {
    /** A fresh one. */
    public static OperationId random() {
        return new OperationId(UUID.randomUUID());
    }

    /** Parses the canonical text form of a UUID; a {@link Problem} says what is wrong with it. */
    public static OperationId parse(String text) {
        try {
            UUID value = UUID.fromString(text);
            if (value.toString().equalsIgnoreCase(text)) {
                return new OperationId(value);
            }
        } catch (IllegalArgumentException e) {
            throw malformed(text);
        }
        throw malformed(text);
    }

    private static Problem malformed(String text) {
        return Problem.invalid(
                "bad operation id " + Quoted.of(text),
                "it is not a UUID like 123e4567-e89b-12d3-a456-426614174000",
                "Make one with uuidgen");
    }

    @Override
    public String toString() {
        return value.toString();
    }
}
