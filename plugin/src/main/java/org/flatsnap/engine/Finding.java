package org.flatsnap.engine;

import static java.util.Objects.requireNonNull;

import com.google.gson.annotations.SerializedName;

/**
 * One thing that was examined.
 *
 * @param level how bad it is
 * @param subject what was looked at: "store /srv/vms"
 * @param finding what was found
 * @param remedy what to do about it; empty if nothing
 */
public record Finding(Level level, String subject, String finding, String remedy) {
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
    }

    /** As it should be. */
    public static Finding ok(String subject, String finding) {
        return new Finding(Level.OK, subject, finding, "");
    }
}
