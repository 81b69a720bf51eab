package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.Optional;
import org.flatsnap.cli.Answers.Snapshot;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Takes over a snapshot of somebody else's. */
@Command(
        name = "adopt",
        description =
                "Take over a ZFS snapshot that flatsnap did not take, so that it can be rolled back to and deleted.",
        footer = {
            "",
            "'flatsnap list' marks such snapshots as foreign. An adopted one gets another name in ZFS, so that what made it",
            "does not find it, and prune it, any more.",
            "",
            "Examples:",
            "  flatsnap adopt web01 autosnap_2026-11-22_daily"
        })
final class AdoptCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Mixin
    private OperationOption operation;

    @Parameters(index = "0", paramLabel = "VM", description = "Name or id.")
    private String vm;

    @Parameters(index = "1", paramLabel = "SNAPSHOT", description = "Name or id.")
    private String snapshot;

    @Override
    public void run() {
        Session session = flatsnap.session();
        JsonObject answer = session.change(
                "POST", DaemonClient.path("vms", vm, "snapshots", snapshot, "adopt"), Optional.empty(), operation.id());
        if (!session.printed(answer)) {
            Snapshot adopted = session.read(answer, Snapshot.class);
            session.line("adopted snapshot " + adopted.name() + " of " + adopted.vmName());
        }
    }
}
