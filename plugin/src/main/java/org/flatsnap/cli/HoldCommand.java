package org.flatsnap.cli;

import com.google.gson.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;

/** Protects a snapshot. */
@Command(
        name = "hold",
        description = "Keep a snapshot from being deleted, until it is released.",
        footer = {"", "Examples:", "  flatsnap hold web01 before-upgrade"})
final class HoldCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Mixin
    private LabelChange change;

    @Override
    public void run() {
        JsonObject body = new JsonObject();
        body.addProperty("held", true);
        change.send(flatsnap.session(), body, "held");
    }
}
