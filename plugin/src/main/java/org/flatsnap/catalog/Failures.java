package org.flatsnap.catalog;

import java.io.IOException;
import java.nio.file.Path;
import org.flatsnap.model.Problem;

/** How failures of one catalog file are told. */
final class Failures {
    private final Path file;

    Failures(Path file) {
        this.file = file;
    }

    Problem damaged(Throwable cause) {
        return new Problem(
                Problem.Code.UNAVAILABLE,
                "cannot read the catalog",
                file + " is damaged (" + cause.getMessage() + ")",
                "It is being made anew from the stores, which are not affected: try again in a moment,"
                        + " or run 'flatsnap catalog rebuild' and see what it says",
                cause);
    }

    Problem unusable(IOException cause) {
        return new Problem(
                Problem.Code.UNAVAILABLE,
                "cannot use the catalog",
                file + ": " + cause.getMessage(),
                "Check that the disk has room and works, and that flatsnapd may write to that directory",
                cause);
    }

    Problem inUse() {
        return new Problem(
                Problem.Code.UNAVAILABLE,
                "cannot open the catalog",
                "another flatsnapd uses it (" + file + " is locked)",
                "Stop the other one, or give this one a file of its own");
    }

    Problem closed() {
        return new Problem(
                Problem.Code.UNAVAILABLE,
                "cannot use the catalog",
                "it is closed because flatsnapd is stopping",
                "Try again when flatsnapd runs");
    }

    Problem rebuilding() {
        return new Problem(
                Problem.Code.BUSY,
                "cannot rebuild the catalog",
                "it is being rebuilt already",
                "Wait until that is done");
    }
}
