package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Changes the tags of a snapshot. */
@Command(
        name = "tag",
        description = "Add tags to a snapshot, or remove them.",
        footer = {
            "",
            "Examples:",
            "  flatsnap tag web01 before-upgrade --add prod --add keep",
            "  flatsnap tag web01 before-upgrade --remove keep"
        })
final class TagCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Spec
    private CommandSpec spec;

    @Mixin
    private LabelChange change;

    @Option(names = "--add", paramLabel = "TAG", description = "Add this tag; may be repeated.")
    private List<String> added = List.of();

    @Option(names = "--remove", paramLabel = "TAG", description = "Remove this tag; may be repeated.")
    private List<String> removed = List.of();

    @Override
    public void run() {
        if (added.isEmpty() && removed.isEmpty()) {
            throw new ParameterException(spec.commandLine(), "Missing option: --add or --remove");
        }
        JsonObject body = new JsonObject();
        body.add("addTags", TakeCommand.array(added));
        body.add("removeTags", TakeCommand.array(removed));
        change.send(flatsnap.session(), body, "changed the tags of");
    }
}
