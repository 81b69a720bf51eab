package org.flatsnap.cli;

import com.google.gson.JsonObject;
import org.flatsnap.cli.Answers.DiskImage;
import org.flatsnap.cli.Answers.Quiescence;
import org.flatsnap.cli.Answers.Snapshot;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Shows one snapshot. */
@Command(
        name = "show",
        description = "Show everything about a snapshot.",
        footer = {"", "Examples:", "  flatsnap show web01 before-upgrade", "  flatsnap show web01 latest --json"})
final class ShowCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Parameters(index = "0", paramLabel = "VM", description = "Name or id.")
    private String vm;

    @Parameters(index = "1", paramLabel = "SNAPSHOT", description = "Name or id, or 'latest'.")
    private String snapshot;

    @Override
    public void run() {
        Session session = flatsnap.session();
        JsonObject answer = session.get(DaemonClient.path("vms", vm, "snapshots", snapshot));
        if (!session.printed(answer)) {
            tell(session, session.read(answer, Snapshot.class));
        }
    }

    private static void tell(Session session, Snapshot shown) {
        Quiescence quiescence = shown.quiescence();
        field(session, "snapshot", shown.name());
        field(session, "vm", shown.vmName() + " (" + shown.vm() + ")");
        field(session, "id", shown.id());
        field(session, "taken", Wording.time(shown.takenAt()) + ", VM " + quiescence.state());
        field(
                session,
                "consistency",
                Wording.consistency(quiescence)
                        + (quiescence.asked().equals(quiescence.achieved())
                                ? ""
                                : " (asked for " + quiescence.asked() + ": " + quiescence.note() + ")"));
        for (DiskImage disk : shown.disks()) {
            field(session, "disk", disk.disk() + ", " + Wording.size(disk.bytes()) + ", of " + disk.source());
        }
        if (shown.guard() != null) {
            field(
                    session,
                    "guard",
                    "taken before " + shown.guard().before() + ", kept until "
                            + Wording.time(shown.guard().expiresAt()));
        }
        if (shown.orphaned()) {
            field(session, "orphaned", "the manager does not know it any more; it can be read and deleted");
        }
        if (shown.labels().retired() != null) {
            field(
                    session,
                    "retired",
                    Wording.time(shown.labels().retired()) + ": its VM or all its disks were removed");
        }
        field(session, "held", shown.labels().held() ? "yes" : "no");
        field(session, "tags", String.join(", ", shown.labels().tags()));
        shown.labels().description().lines().forEach(line -> field(session, "description", line));
        field(session, "operation", shown.operation());
        BrowsePath.of(shown).ifPresent(path -> field(session, "browse", path.toString()));
    }

    private static void field(Session session, String name, String value) {
        if (!value.isEmpty()) {
            session.line(name + " ".repeat(13 - name.length()) + value);
        }
    }
}
