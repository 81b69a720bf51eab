package org.flatsnap.model;

import static java.util.Objects.requireNonNull;

/**
 * How the disks were brought to one moment: what was asked and what was reached, never what was hoped.
 *
 * @param asked the level the request named
 * @param achieved the level reached
 * @param state what the VM did at the time
 * @param freezeMillis how long the guest's file systems were frozen, in milliseconds; 0 if they were not
 * @param pauseMillis how long the guest was paused, in milliseconds; 0 if it was not
 * @param torn true if the guest could write between the clones of two disks
 * @param note why {@code achieved} is less than {@code asked}; empty if it is not
 */
public record Quiescence(
        Consistency asked,
        Consistency achieved,
        VmState state,
        long freezeMillis,
        long pauseMillis,
        boolean torn,
        String note) {
    /** Checks that nothing is missing. */
    public Quiescence {
        requireNonNull(asked, "asked");
        requireNonNull(achieved, "achieved");
        requireNonNull(state, "state");
        requireNonNull(note, "note");
    }
}
