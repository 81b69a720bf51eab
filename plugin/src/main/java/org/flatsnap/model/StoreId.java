package org.flatsnap.model;

import java.util.UUID;

/** A store's identity, written into it when it was made; it stays when the store is mounted elsewhere. */
public record StoreId(UUID value) implements Comparable<StoreId> {
    /** Parses the canonical text form of a UUID. */
    public static StoreId parse(String text) {
        return new StoreId(UUID.fromString(text));
    }

    @Override
    public int compareTo(StoreId other) {
        return toString().compareTo(other.toString());
    }

    @Override
    public String toString() {
        return value.toString();
    }
}
