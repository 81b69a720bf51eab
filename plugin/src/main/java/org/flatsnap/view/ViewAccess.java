package org.flatsnap.view;

import static java.util.Objects.requireNonNull;

import java.util.Optional;

/**
 * Whose the tree is, and who may read it; the kernel checks it for each program.
 *
 * <p>Without a mode, names and descriptions can be read by everybody, and by the owner alone what holds what the guest holds:
 * images and NVRAM. A mode is that of every directory and, without the bits to execute, of every file. Definitions
 * ({@code domain.xml}) stay the owner's alone whatever the mode: they hold passwords, such as the one of the guest's console,
 * and who lets a group copy disks has not thereby given it those.
 *
 * @param owner the number of a user
 * @param group the number of a group
 * @param mode the lower nine bits of {@code st_mode}; empty for the above
 */
public record ViewAccess(int owner, int group, Optional<Integer> mode) {
    /** As it is unless an administrator says otherwise. */
    public static final ViewAccess ROOTS = new ViewAccess(0, 0, Optional.empty());

    private static final int NOT_EXECUTABLE = 0666;
    private static final int OWNER_ALONE = 0600;

    /** Checks that nothing is missing. */
    public ViewAccess {
        requireNonNull(mode, "mode");
    }

    int directory() {
        return mode.orElse(0555);
    }

    int metadata() {
        return mode.map(bits -> bits & NOT_EXECUTABLE).orElse(0444);
    }

    int image() {
        return mode.map(bits -> bits & NOT_EXECUTABLE).orElse(0400);
    }

    int definition() {
        return mode.map(bits -> bits & OWNER_ALONE).orElse(0400);
    }
}
