package org.flatsnap.access;

import com.google.gson.annotations.SerializedName;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** What somebody may do with a VM. Each role may do all that the one before it may. */
public enum Role {
    /** See it and its snapshots. */
    @SerializedName("viewer")
    VIEWER,
    /** Also take, mark, clone and measure snapshots and go back to them; they delete nothing. */
    @SerializedName("operator")
    OPERATOR,
    /** Also delete and adopt snapshots; who is admin of all VMs also looks after the host. */
    @SerializedName("admin")
    ADMIN;

    /** The names of all, for people. */
    public static final String NAMES = "viewer, operator or admin";

    /** The role of this name, if it is one. */
    public static Optional<Role> of(String name) {
        return Arrays.stream(values())
                .filter(role -> role.toString().equals(name))
                .findFirst();
    }

    /** Whether it may do what {@code needed} may. */
    public boolean includes(Role needed) {
        return compareTo(needed) >= 0;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
