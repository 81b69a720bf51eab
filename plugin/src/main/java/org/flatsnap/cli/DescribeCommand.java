package org.flatsnap.cli;

import com.google.gson.JsonObject;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Describes a snapshot. */
@Command(
        name = "describe",
        description = "Say what a snapshot is for. An empty text removes the description.",
        footer = {"", "Examples:", "  flatsnap describe web01 before-upgrade 'Debian 12 to 13, ask Anna'"})
final class DescribeCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Mixin
    private LabelChange change;

    @Parameters(index = "2", paramLabel = "TEXT", description = "The new description.")
    private String text;

    @Override
    public void run() {
        JsonObject body = new JsonObject();
        body.addProperty("description", text);
        change.send(flatsnap.session(), body, "described");
    }
}
