package org.flatsnap.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import org.flatsnap.cli.Answers.Quiescence;
import org.flatsnap.cli.Answers.Snapshot;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Takes a snapshot. */
@Command(
        name = "take",
        description = "Take a snapshot of a VM, running or not.",
        footer = {
            "",
            "Examples:",
            "  flatsnap take web01                  its name is made from the time",
            "  flatsnap take web01 before-upgrade -t prod -d 'Debian 12 to 13'",
            "  flatsnap take web01 --disk vda       one disk alone",
            "Only if the guest agent freezes it:",
            "  flatsnap take web01 --consistency filesystem --strict"
        })
final class TakeCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Mixin
    private OperationOption operation;

    @Parameters(index = "0", paramLabel = "VM", description = "Name or id, see 'flatsnap vms'.")
    private String vm;

    @Parameters(
            index = "1",
            paramLabel = "NAME",
            arity = "0..1",
            description = "The snapshot's name (default: made from the time).")
    private String name;

    @Option(
            names = {"-d", "--description"},
            paramLabel = "TEXT",
            description = "What it is for.")
    private String description;

    @Option(
            names = {"-t", "--tag"},
            paramLabel = "TAG",
            description = "A word to find it by; may be repeated.")
    private List<String> tags = List.of();

    @Option(
            names = "--consistency",
            paramLabel = "LEVEL",
            description =
                    "crash: as after a power cut. filesystem: the guest agent freezes the file systems for a moment. "
                            + "(default: filesystem where the agent is connected, else crash)")
    private String consistency;

    @Option(names = "--strict", description = "Fail rather than reach less than --consistency asks for.")
    private boolean strict;

    @Option(names = "--disk", paramLabel = "DISK", description = "Only this disk; may be repeated (default: all).")
    private List<String> disks = List.of();

    @Override
    public void run() {
        Session session = flatsnap.session();
        JsonObject body = new JsonObject();
        Optional.ofNullable(name).ifPresent(value -> body.addProperty("name", value));
        Optional.ofNullable(description).ifPresent(value -> body.addProperty("description", value));
        Optional.ofNullable(consistency).ifPresent(value -> body.addProperty("consistency", value));
        body.addProperty("strict", strict);
        body.add("tags", array(tags));
        body.add("disks", array(disks));
        JsonObject answer =
                session.change("POST", DaemonClient.path("vms", vm, "snapshots"), Optional.of(body), operation.id());
        if (!session.printed(answer)) {
            tell(session, session.read(answer, Snapshot.class));
        }
    }

    static JsonArray array(List<String> texts) {
        JsonArray array = new JsonArray();
        texts.forEach(array::add);
        return array;
    }

    private static void tell(Session session, Snapshot snapshot) {
        Quiescence quiescence = snapshot.quiescence();
        session.line("took snapshot " + snapshot.name() + " of " + snapshot.vmName() + ": "
                + Wording.count(snapshot.disks().size(), "disk") + ", " + Wording.size(snapshot) + ", consistency "
                + Wording.consistency(quiescence)
                + BrowsePath.of(snapshot).map(path -> ", browse it at " + path).orElse(""));
        if (!quiescence.achieved().equals(quiescence.asked())) {
            session.note("asked for " + quiescence.asked() + ", reached " + quiescence.achieved() + ": "
                    + quiescence.note());
        }
        if (quiescence.torn()) {
            session.note("the guest could write between the clones of two disks");
        }
    }
}
