package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.concurrent.Callable;
import org.flatsnap.cli.Answers.Finding;
import org.flatsnap.cli.Answers.Findings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi.Style;
import picocli.CommandLine.ParentCommand;

/** Examines the installation. */
@Command(
        name = "doctor",
        description = "Examine everything flatsnap stands on, and say what to do about what is not well.",
        footer = {"", "The exit code is 1 if anything does not work.", "", "Examples:", "  flatsnap doctor"})
final class DoctorCommand implements Callable<Integer> {
    private static final String FAILURE = "failure";
    private static final String INDENT = " ".repeat(9);

    @ParentCommand
    private Flatsnap flatsnap;

    @Override
    public Integer call() {
        Session session = flatsnap.session();
        JsonObject answer = session.get(DaemonClient.path("doctor"));
        List<Finding> findings = session.read(answer, Findings.class).findings();
        if (!session.printed(answer)) {
            findings.forEach(finding -> tell(session, finding));
        }
        return findings.stream().anyMatch(finding -> finding.level().equals(FAILURE)) ? Failure.FAILED : 0;
    }

    private static void tell(Session session, Finding finding) {
        session.marked(
                finding.level(), style(finding.level()), INDENT.length(), finding.subject() + ": " + finding.finding());
        if (!finding.remedy().isEmpty()) {
            session.line(INDENT + finding.remedy());
        }
    }

    private static Style style(String level) {
        return switch (level) {
            case "ok" -> Style.fg_green;
            case FAILURE -> Style.fg_red;
            default -> Style.fg_yellow;
        };
    }
}
