package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import org.flatsnap.cli.Answers.Rollback;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Rolls a VM back. */
@Command(
        name = "rollback",
        description = {
            "Put a VM's disks back to a snapshot.",
            "Nothing is lost: the present state becomes a snapshot first, and newer snapshots stay."
        },
        footer = {
            "",
            "Examples:",
            "  flatsnap rollback web01 before-upgrade            the VM must be off",
            "  flatsnap rollback web01 before-upgrade --stop     it is stopped, and started again",
            "  flatsnap rollback web01 latest --disk vdb         one disk alone"
        })
final class RollbackCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Mixin
    private OperationOption operation;

    @Parameters(index = "0", paramLabel = "VM", description = "Name or id.")
    private String vm;

    @Parameters(index = "1", paramLabel = "SNAPSHOT", description = "Name or id, or 'latest'.")
    private String snapshot;

    @Option(names = "--disk", paramLabel = "DISK", description = "Only this disk; may be repeated (default: all).")
    private List<String> disks = List.of();

    @Option(names = "--stop", description = "Stop a running VM for it, and start it again afterwards.")
    private boolean stop;

    @Override
    public void run() {
        Session session = flatsnap.session();
        JsonObject body = new JsonObject();
        body.add("disks", TakeCommand.array(disks));
        body.addProperty("stop", stop);
        JsonObject answer = session.change(
                "POST",
                DaemonClient.path("vms", vm, "snapshots", snapshot, "rollback"),
                Optional.of(body),
                operation.id());
        if (!session.printed(answer)) {
            tell(session, vm, snapshot, session.read(answer, Rollback.class));
        }
    }

    static void tell(Session session, String vm, String snapshot, Rollback done) {
        session.line("rolled " + vm + " back to " + snapshot + (done.started() ? " and started it again" : "")
                + (done.guard() == null
                        ? ""
                        : "; the state before is kept as " + done.guard() + ", 'flatsnap undo " + vm
                                + "' brings it back"));
        done.warnings().forEach(session::note);
    }
}
