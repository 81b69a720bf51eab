package org.flatsnap.cli;

import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Searches snapshots. */
@Command(
        name = "find",
        description = "Find snapshots. All that is given must hold.",
        footer = {
            "",
            "A query is terms such as these; the same stands behind /snapshots/.search/:",
            "  vm=GLOB  name=GLOB  tag=TAG  on=DAY  after=DATE  before=DATE  text=TEXT",
            "  WORDS        name or description contains them, whatever the case",
            "  name=\"a b\"   quotes hold together what has spaces",
            "",
            "Patterns are those of the shell: * ? [abc]. Quote them.",
            "Dates are 2026-11-22, 2026-11-22T14:00, today, yesterday (in the daemon's time zone) or 2026-11-22T14:00:00Z.",
            "",
            "Examples:",
            "  flatsnap find 'vm=web* tag=prod'",
            "  flatsnap find 'on=yesterday nginx'",
            "  flatsnap find --vm 'web*' --tag prod",
            "  flatsnap find --after 2026-11-01 --before 2026-12-01 --oldest-first",
            "  flatsnap find --text upgrade"
        })
final class FindCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Parameters(paramLabel = "QUERY", arity = "0..*", description = "A query; several are one, with spaces between.")
    private List<String> terms = List.of();

    @Option(names = "--vm", paramLabel = "GLOB", description = "The VM's name.")
    private String vm;

    @Option(names = "--name", paramLabel = "GLOB", description = "The snapshot's name.")
    private String name;

    @Mixin
    private PeriodOptions period;

    @Option(
            names = {"-t", "--tag"},
            paramLabel = "TAG",
            description = "Has this tag; may be repeated.")
    private List<String> tags = List.of();

    @Option(
            names = "--text",
            paramLabel = "TEXT",
            description = "Name or description contains this, whatever the case.")
    private String text;

    @Option(names = "--oldest-first", description = "Begin with the oldest.")
    private boolean oldestFirst;

    @Mixin
    private PageOptions page;

    @Override
    public void run() {
        Session session = flatsnap.session();
        Query query = new Query("/v1/snapshots");
        query.add("q", terms.isEmpty() ? null : String.join(" ", terms));
        query.add("vmName", vm);
        query.add("name", name);
        period.addTo(query);
        tags.forEach(tag -> query.add("tag", tag));
        query.add("text", text);
        query.add("order", oldestFirst ? "oldest" : "newest");
        page.addTo(query);
        Optional<String> next = SnapshotTable.print(session, session.get(query.path()), true);
        PageOptions.announce(session, next);
    }
}
