package org.flatsnap.faults;

import java.io.Serializable;

/**
 * A call out of flatsnap's own code: the place of a crash point, just before it, and of an error in its stead.
 *
 * @param name {@code engine/Operations.record > Catalog.recordOperation #1}: the calling method, the called one, and which of
 *     the calls to it there
 * @param callee the called method, {@code java/nio/file/Files.createDirectory}
 * @param effect what it does
 * @param reference whether the method is only named there and called by another one
 */
record Site(String name, String callee, Effects effect, boolean reference) implements Serializable {
    /** Whether somebody may die here. */
    boolean crashPoint() {
        return effect == Effects.CHANGE;
    }
}
