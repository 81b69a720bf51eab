package org.flatsnap.catalog;

/** What the file holds is not what was written to it. Turned into a Problem where it would leave the package. */
final class Damage extends RuntimeException {
    Damage(String message) {
        super(message);
    }

    Damage(String message, Throwable cause) {
        super(message, cause);
    }
}
