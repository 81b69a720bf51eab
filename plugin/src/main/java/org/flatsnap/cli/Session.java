package org.flatsnap.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.util.Optional;
import java.util.UUID;
import picocli.CommandLine.Help.Ansi.Style;

/** One run of a command: asks the daemon and tells the answer, in words or as JSON. */
final class Session {
    private final DaemonClient client;
    private final Terminal terminal;
    private final boolean json;

    Session(DaemonClient client, Terminal terminal, boolean json) {
        this.client = client;
        this.terminal = terminal;
        this.json = json;
    }

    JsonObject get(String path) {
        return client.get(path);
    }

    JsonObject change(String method, String path, Optional<JsonObject> body, UUID operation) {
        if (json) {
            return client.change(method, path, body, operation);
        }
        try (Watch watch = Watch.start(client, operation, terminal)) {
            return client.change(method, path, body, operation);
        }
    }

    /** Whether the answer itself is wanted; if so it has been printed. */
    boolean printed(JsonObject answer) {
        if (json) {
            terminal.out().println(pretty(answer));
        }
        return json;
    }

    private static String pretty(JsonObject element) {
        Gson gson = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();
        return Terminal.safe(gson.toJson(element), true);
    }

    <T> T read(JsonObject answer, Class<T> type) {
        return client.read(answer, type);
    }

    /** Prints a line of the result. */
    void line(String text) {
        terminal.out().println(Terminal.safe(text, false));
    }

    /** Prints a line of the result behind a mark of one colour. */
    void marked(String mark, Style style, int width, String text) {
        String shown = Terminal.safe(mark, false);
        String gap = " ".repeat(Math.max(1, width - Terminal.width(shown)));
        String coloured = terminal.coloured() ? style.on() + shown + style.off() : shown;
        terminal.out().println(coloured + gap + Terminal.safe(text, false));
    }

    void print(Table table) {
        table.print(terminal);
    }

    /** Prints what should be known and is not the result. */
    void note(String text) {
        terminal.err().println("note: " + Terminal.safe(text, false));
    }

    /** Tells a failure; gives its exit code. */
    int tell(Failure failure) {
        return tell(failure, terminal, json);
    }

    /** The same where there is no session because of it. */
    static int tell(Failure failure, Terminal terminal, boolean json) {
        if (json) {
            terminal.err().println(pretty(failure.document()));
        } else {
            terminal.err().println("flatsnap: " + Terminal.safe(failure.getMessage(), false));
        }
        return failure.exitCode();
    }
}
