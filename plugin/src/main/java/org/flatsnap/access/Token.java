package org.flatsnap.access;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import java.util.List;
import java.util.regex.Pattern;
import org.flatsnap.catalog.Glob;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;

/**
 * What is known about a token, apart from its secret.
 *
 * @param name for people; letters, digits, dots, dashes and underscores, at most 64
 * @param role what its bearer may do
 * @param vms patterns for the names of the VMs it is for, or whole ids
 * @param createdAt when it was made
 * @param createdBy who made it
 * @param expiresAt from when on it is refused
 */
public record Token(String name, Role role, List<String> vms, Instant createdAt, String createdBy, Instant expiresAt) {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    /** Checks everything; a {@link Problem} says what is wrong. */
    public Token {
        if (name == null || !NAME.matcher(name).matches()) {
            throw new Problem(
                    Code.INVALID,
                    "bad name of a token",
                    "it has letters, digits, dots, dashes and underscores, 1 to 64",
                    "Choose one such as backup-host");
        }
        requireNonNull(role, "role");
        vms = List.copyOf(vms);
        requireNonNull(createdAt, "createdAt");
        requireNonNull(createdBy, "createdBy");
        requireNonNull(expiresAt, "expiresAt");
        new Grant(role, vms.stream().map(Glob::new).toList());
    }

    /** What its bearer may do. */
    public Grant grant() {
        return new Grant(role, vms.stream().map(Glob::new).toList());
    }

    /** Who its bearer is in logs. */
    public String who() {
        return "token:" + name;
    }
}
