package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.List;
import org.flatsnap.cli.Answers.SnapshotSpace;
import org.flatsnap.cli.Answers.Space;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Tells what deleting snapshots would free. */
@Command(
        name = "space",
        description = "Show what deleting snapshots would free: each alone, and all of them together.",
        footer = {
            "",
            "Snapshots share most of their blocks, so together they free more than the sum of each alone.",
            "On btrfs it is the most they can free.",
            "",
            "Examples:",
            "  flatsnap space web01",
            "  flatsnap space web01 monday tuesday"
        })
final class SpaceCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Parameters(index = "0", paramLabel = "VM", description = "Name or id.")
    private String vm;

    @Parameters(index = "1..*", paramLabel = "SNAPSHOT", description = "Names or ids; left out: all of the VM.")
    private List<String> snapshots = List.of();

    @Override
    public void run() {
        Session session = flatsnap.session();
        Query query = new Query(DaemonClient.path("vms", vm, "space"));
        snapshots.forEach(snapshot -> query.add("snapshot", snapshot));
        JsonObject answer = session.get(query.path());
        if (session.printed(answer)) {
            return;
        }
        Space space = session.read(answer, Space.class);
        Table table = new Table("NAME", "ALONE", "ID");
        for (SnapshotSpace snapshot : space.snapshots()) {
            table.add(snapshot.name(), Wording.size(snapshot.exclusive()), snapshot.id());
        }
        session.print(table);
        session.line("together " + Wording.size(space.freed()));
    }
}
