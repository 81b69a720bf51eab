package org.flatsnap.model;

import com.google.gson.annotations.SerializedName;
import java.util.Locale;

/** What a guest finds on its disks after a rollback, from weaker to stronger. */
public enum Consistency {
    /** The disks as after a power cut: all at one moment, journals to be replayed. */
    @SerializedName("crash")
    CRASH,
    /** The guest agent froze the guest's file systems for the moment of the snapshot. */
    @SerializedName("filesystem")
    FILESYSTEM;

    /** Parses the lower case form; a {@link Problem} says what is accepted. */
    public static Consistency parse(String text) {
        for (Consistency level : values()) {
            if (level.toString().equals(text)) {
                return level;
            }
        }
        throw Problem.invalid(
                "bad consistency level " + Quoted.of(text), "it is none of crash, filesystem", "Choose one of them");
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
