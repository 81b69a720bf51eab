package org.flatsnap.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** One run of the command line in this process: its exit code and what it printed. */
public record Run(int exitCode, String out, String err) {
    /** With this daemon. */
    public static Run of(Path socket, String... arguments) {
        return of(socket, false, arguments);
    }

    /** As on a terminal. */
    static Run onTerminal(Path socket, String... arguments) {
        return of(socket, true, arguments);
    }

    private static Run of(Path socket, boolean terminal, String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> all = new ArrayList<>(List.of(arguments));
        all.add("--socket=" + socket);
        int exitCode = Flatsnap.run(
                new Terminal(new PrintWriter(out, true), new PrintWriter(err, true), terminal, terminal),
                all.toArray(String[]::new));
        return new Run(exitCode, out.toString(), err.toString());
    }

    /** The lines of what it printed. */
    public List<String> outLines() {
        return out.lines().toList();
    }

    List<String> errLines() {
        return err.lines().toList();
    }
}
