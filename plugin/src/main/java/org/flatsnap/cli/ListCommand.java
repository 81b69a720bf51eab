package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Lists snapshots. */
@Command(
        name = "list",
        description = "Show snapshots, newest first.",
        footer = {
            "",
            "Examples:",
            "  flatsnap list                  of all VMs",
            "  flatsnap list web01            of one VM",
            "  flatsnap list web01 --limit 500"
        })
final class ListCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Parameters(index = "0", paramLabel = "VM", arity = "0..1", description = "Name or id (default: all VMs).")
    private String vm;

    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "50",
            description = "Show at most so many (default: ${DEFAULT-VALUE}).")
    private int limit;

    @Override
    public void run() {
        Session session = flatsnap.session();
        Query query = new Query("/v1/snapshots");
        query.add("vm", vm);
        query.add("limit", Integer.toString(limit));
        JsonObject answer = session.get(query.path());
        Optional<String> next = SnapshotTable.print(session, answer, vm == null);
        next.ifPresent(cursor -> session.note("these are the newest " + limit + "; see more with --limit " + 10L * limit
                + ", or choose with 'flatsnap find'"));
    }
}
