package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.flatsnap.cli.Answers.Snapshot;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Deletes snapshots. */
@Command(
        name = "delete",
        description = "Delete snapshots, in any order. No other snapshot needs them.",
        footer = {
            "",
            "All are tried, even if one cannot be deleted.",
            "",
            "Examples:",
            "  flatsnap delete web01 before-upgrade",
            "  flatsnap delete web01 monday tuesday"
        })
final class DeleteCommand implements Callable<Integer> {
    @ParentCommand
    private Flatsnap flatsnap;

    @Mixin
    private OperationOption operation;

    @Parameters(index = "0", paramLabel = "VM", description = "Name or id.")
    private String vm;

    @Parameters(index = "1..*", paramLabel = "SNAPSHOT", arity = "1..*", description = "Names or ids.")
    private List<String> snapshots;

    @Override
    public Integer call() {
        Session session = flatsnap.session();
        UUID request = operation.id();
        int exitCode = 0;
        for (String snapshot : snapshots) {
            try {
                delete(session, snapshot, snapshots.size() == 1 ? request : part(request, snapshot));
            } catch (Failure e) {
                exitCode = session.tell(e);
                if (exitCode == Failure.UNREACHABLE) {
                    return exitCode;
                }
            }
        }
        return exitCode;
    }

    /** Each deletion is an operation of its own; repeated with the same id, the command makes the same ones. */
    private static UUID part(UUID request, String snapshot) {
        return UUID.nameUUIDFromBytes((request + "/" + snapshot).getBytes(StandardCharsets.UTF_8));
    }

    private void delete(Session session, String snapshot, UUID id) {
        JsonObject answer =
                session.change("DELETE", DaemonClient.path("vms", vm, "snapshots", snapshot), Optional.empty(), id);
        if (!session.printed(answer)) {
            Snapshot deleted = session.read(answer, Snapshot.class);
            session.line("deleted snapshot " + deleted.name() + " of " + deleted.vmName());
        }
    }
}
