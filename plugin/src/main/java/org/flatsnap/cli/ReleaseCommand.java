package org.flatsnap.cli;

import com.google.gson.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;

/** Lifts the protection of a snapshot. */
@Command(
        name = "release",
        description = "Let a held snapshot be deleted again.",
        footer = {"", "Examples:", "  flatsnap release web01 before-upgrade"})
final class ReleaseCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Mixin
    private LabelChange change;

    @Override
    public void run() {
        JsonObject body = new JsonObject();
        body.addProperty("held", false);
        change.send(flatsnap.session(), body, "released");
    }
}
