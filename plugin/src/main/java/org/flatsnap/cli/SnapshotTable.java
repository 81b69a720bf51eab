package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import org.flatsnap.cli.Answers.Snapshot;
import org.flatsnap.cli.Answers.Snapshots;

/** Prints a page of snapshots. */
final class SnapshotTable {
    private SnapshotTable() {}

    /**
     * @param withVm whether they can be of several VMs
     * @return the cursor of the next page, if there is one and the page was printed as a table
     */
    static Optional<String> print(Session session, JsonObject answer, boolean withVm) {
        if (session.printed(answer)) {
            return Optional.empty();
        }
        Snapshots page = session.read(answer, Snapshots.class);
        if (page.snapshots().isEmpty()) {
            session.note("no snapshots");
            return Optional.empty();
        }
        Table table = withVm
                ? new Table("VM", "SNAPSHOT", "TAKEN", "SIZE", "CONSISTENCY", "MARKS", "TAGS")
                : new Table("SNAPSHOT", "TAKEN", "SIZE", "CONSISTENCY", "MARKS", "TAGS");
        for (Snapshot snapshot : page.snapshots()) {
            List<String> cells = List.of(
                    snapshot.vmName(),
                    snapshot.name(),
                    Wording.time(snapshot.takenAt()),
                    Wording.size(snapshot),
                    snapshot.quiescence().achieved() + (snapshot.quiescence().torn() ? ", torn" : ""),
                    Wording.marks(snapshot),
                    String.join(",", snapshot.labels().tags()));
            table.add(cells.subList(withVm ? 0 : 1, cells.size()).toArray(String[]::new));
        }
        session.print(table);
        return Optional.ofNullable(page.next());
    }
}
