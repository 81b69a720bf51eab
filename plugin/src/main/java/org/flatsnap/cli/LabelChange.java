package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.Optional;
import org.flatsnap.cli.Answers.Snapshot;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** The snapshot whose labels are changed, and how it is done. */
final class LabelChange {
    @Mixin
    private OperationOption operation;

    @Parameters(index = "0", paramLabel = "VM", description = "Name or id.")
    private String vm;

    @Parameters(index = "1", paramLabel = "SNAPSHOT", description = "Name or id, or 'latest'.")
    private String snapshot;

    /** @param done what is told when it is done: "held" */
    void send(Session session, JsonObject body, String done) {
        JsonObject answer = session.change(
                "PATCH", DaemonClient.path("vms", vm, "snapshots", snapshot), Optional.of(body), operation.id());
        if (!session.printed(answer)) {
            Snapshot changed = session.read(answer, Snapshot.class);
            session.line(done + " snapshot " + changed.name() + " of " + changed.vmName());
        }
    }
}
