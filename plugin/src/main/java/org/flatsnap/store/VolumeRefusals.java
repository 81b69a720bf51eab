package org.flatsnap.store;

import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.VolumeName;

/** What every store refuses to do to volumes, in the same words. */
final class VolumeRefusals {
    private VolumeRefusals() {}

    /** The refusal of a name that is taken. */
    static Problem exists(String what, VolumeName name) {
        return new Problem(Code.EXISTS, what, "there is a volume " + name, "Choose another name, or remove that one");
    }

    /** The refusal of a name that nothing has. */
    static Problem missing(String what, VolumeName name) {
        return new Problem(Code.NOT_FOUND, what, "there is no volume " + name, "See which there are with 'pvesm list'");
    }

    /** Refuses what is no size. */
    static void requireSize(String what, long bytes) {
        if (bytes <= 0) {
            throw new Problem(Code.INVALID, what, bytes + " bytes are no size of a disk", "Give it one byte at least");
        }
    }

    /** Refuses to cut something off. */
    static void requireGrowth(String what, Volumes.Volume present, long bytes) {
        if (bytes < present.bytes()) {
            throw new Problem(
                    Code.INVALID,
                    what,
                    "it has " + present.bytes() + " bytes, and what lies beyond " + bytes + " would be lost",
                    "Make it larger only; a smaller disk is a new one");
        }
    }
}
