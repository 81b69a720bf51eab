package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.Optional;
import org.flatsnap.cli.Answers.Clone;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Clones a snapshot to a VM. */
@Command(
        name = "clone",
        description = "Make a new VM from a snapshot. It is off, and independent of the snapshot from the start.",
        footer = {"", "Examples:", "  flatsnap clone web01 before-upgrade web01-test"})
final class CloneCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Mixin
    private OperationOption operation;

    @Parameters(index = "0", paramLabel = "VM", description = "Name or id.")
    private String vm;

    @Parameters(index = "1", paramLabel = "SNAPSHOT", description = "Name or id, or 'latest'.")
    private String snapshot;

    @Parameters(index = "2", paramLabel = "NEW-NAME", description = "The new VM's name.")
    private String name;

    @Override
    public void run() {
        Session session = flatsnap.session();
        JsonObject body = new JsonObject();
        body.addProperty("name", name);
        JsonObject answer = session.change(
                "POST",
                DaemonClient.path("vms", vm, "snapshots", snapshot, "clone"),
                Optional.of(body),
                operation.id());
        if (!session.printed(answer)) {
            Clone made = session.read(answer, Clone.class);
            session.line("made VM " + made.name() + " (" + made.vm() + ") from " + snapshot + " of " + vm
                    + "; it is off, its disks are " + String.join(", ", made.disks()));
            made.warnings().forEach(session::note);
        }
    }
}
