package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.Optional;
import org.flatsnap.cli.Answers.Rollback;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Undoes a rollback. */
@Command(
        name = "undo",
        description = "Undo the last rollback of a VM. Done twice, the second undoes the first.",
        footer = {"", "Examples:", "  flatsnap undo web01", "  flatsnap undo web01 --stop"})
final class UndoCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Mixin
    private OperationOption operation;

    @Parameters(index = "0", paramLabel = "VM", description = "Name or id.")
    private String vm;

    @Option(names = "--stop", description = "Stop a running VM for it, and start it again afterwards.")
    private boolean stop;

    @Override
    public void run() {
        Session session = flatsnap.session();
        JsonObject body = new JsonObject();
        body.addProperty("stop", stop);
        JsonObject answer =
                session.change("POST", DaemonClient.path("vms", vm, "undo"), Optional.of(body), operation.id());
        if (!session.printed(answer)) {
            Rollback done = session.read(answer, Rollback.class);
            RollbackCommand.tell(session, vm, done.snapshot(), done);
        }
    }
}
