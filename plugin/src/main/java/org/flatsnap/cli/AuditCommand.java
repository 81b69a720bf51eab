package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.flatsnap.cli.Answers.Audit;
import org.flatsnap.cli.Answers.AuditLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** Shows the audit log. */
@Command(
        name = "audit",
        description = "Show who did what, and what was refused, newest first.",
        footer = {
            "",
            "Patterns are those of the shell: quote them. Dates are those of 'flatsnap find'.",
            "",
            "Examples:",
            "  flatsnap audit --vm web01",
            "  flatsnap audit --who 'token:*' --action delete --after 2026-11-01"
        })
final class AuditCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Option(names = "--vm", paramLabel = "GLOB", description = "The VM, as the request named it, or its id.")
    private String vm;

    @Option(names = "--who", paramLabel = "GLOB", description = "A user, or token:NAME.")
    private String who;

    @Option(names = "--action", paramLabel = "ACTION", description = "Exactly this, such as take or delete.")
    private String action;

    @Mixin
    private PeriodOptions period;

    @Mixin
    private PageOptions page;

    @Override
    public void run() {
        Session session = flatsnap.session();
        Query query = new Query("/v1/audit");
        query.add("vm", vm);
        query.add("who", who);
        query.add("action", action);
        period.addTo(query);
        page.addTo(query);
        JsonObject answer = session.get(query.path());
        if (session.printed(answer)) {
            return;
        }
        Audit audit = session.read(answer, Audit.class);
        Table table = new Table("TIME", "WHO", "FROM", "ACTION", "VM", "SNAPSHOT", "RESULT", "DETAIL");
        audit.entries()
                .forEach(line -> table.add(
                        Wording.time(line.at()),
                        line.who(),
                        line.from(),
                        line.action(),
                        text(line.vm()),
                        text(line.snapshot()),
                        line.result(),
                        detail(line)));
        session.print(table);
        PageOptions.announce(session, Optional.ofNullable(audit.next()));
    }

    private static String text(String value) {
        return value == null ? "" : value;
    }

    private static String detail(AuditLine line) {
        List<String> parts = new ArrayList<>();
        if (line.times() != null) {
            parts.add(line.times() + " times more");
        }
        if (line.detail() != null) {
            parts.add(line.detail());
        }
        return String.join(", ", parts);
    }
}
