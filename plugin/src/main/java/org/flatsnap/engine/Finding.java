package org.flatsnap.engine;

import static java.util.Objects.requireNonNull;

import com.google.gson.annotations.SerializedName;
import java.util.Optional;
import org.flatsnap.model.VmId;

/**
 * One thing that was examined.
 *
 * @param level how bad it is
 * @param subject what was looked at: "store /srv/vms"
 * @param finding what was found
 * @param remedy what to do about it; empty if nothing
 * @param vm the VM it is about; empty if it is about the host
 */
public record Finding(Level level, String subject, String finding, String remedy, Optional<VmId> vm) {
    /** How bad it is. */
    public enum Level {
        /** As it should be. */
        @SerializedName("ok")
        OK,
        /** Works, and something should be looked at. */
        @SerializedName("warning")
        WARNING,
        /** Does not work. */
        @SerializedName("failure")
        FAILURE
    }

    /** Checks that nothing is missing. */
    public Finding {
        requireNonNull(level, "level");
        requireNonNull(subject, "subject");
        requireNonNull(finding, "finding");
        requireNonNull(remedy, "remedy");
        requireNonNull(vm, "vm");
    }

    /** About the host. */
    public Finding(Level level, String subject, String finding, String remedy) {
        this(level, subject, finding, remedy, Optional.empty());
    }

    /** The same, about a VM. */
    Finding about(VmId which) {
        return new Finding(level, subject, finding, remedy, Optional.of(which));
    }

    /** As it should be. */
    public static Finding ok(String subject, String finding) {
        return new Finding(Level.OK, subject, finding, "");
    }
}
