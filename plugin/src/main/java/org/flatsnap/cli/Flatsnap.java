package org.flatsnap.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Help;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the daemon cannot be reached.
 *
 * <p>Results go to standard output, everything else to standard error. For use by one thread.
 */
@Command(
        name = "flatsnap",
        description = "VM snapshots without chains.",
        scope = ScopeType.INHERIT,
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        versionProvider = Flatsnap.Version.class,
        footer = {
            "",
            "Examples:",
            "  flatsnap take web01 before-upgrade     take a snapshot",
            "  flatsnap list web01                    see what there is",
            "  flatsnap rollback web01 before-upgrade go back to it (web01 is off)",
            "  flatsnap undo web01                    go back to where you were",
            "  flatsnap take --help                   learn more about a command"
        })
public final class Flatsnap {
    private final Terminal terminal;

    @Option(
            names = "--socket",
            paramLabel = "PATH",
            scope = ScopeType.INHERIT,
            defaultValue = "${env:FLATSNAP_SOCKET:-/run/flatsnap/flatsnapd.sock}",
            description = "Where flatsnapd listens (default: $FLATSNAP_SOCKET or /run/flatsnap/flatsnapd.sock).")
    private Path socket;

    @Option(
            names = "--server",
            paramLabel = "URL",
            scope = ScopeType.INHERIT,
            defaultValue = "${env:FLATSNAP_SERVER:-}",
            description =
                    "Ask a flatsnapd on the network, https://host:port (default: $FLATSNAP_SERVER, else the socket).")
    private String server;

    @Option(
            names = "--token-file",
            paramLabel = "PATH",
            scope = ScopeType.INHERIT,
            defaultValue = "${env:FLATSNAP_TOKEN_FILE:-" + CommandLine.Option.NULL_VALUE + "}",
            description = "Holds the token for --server (default: $FLATSNAP_TOKEN_FILE).")
    private Path tokenFile;

    @Option(
            names = "--ca-file",
            paramLabel = "PATH",
            scope = ScopeType.INHERIT,
            defaultValue = "${env:FLATSNAP_CA_FILE:-" + CommandLine.Option.NULL_VALUE + "}",
            description = "Trust these certificates for --server (default: $FLATSNAP_CA_FILE, else what Java trusts).")
    private Path authorities;

    @Option(
            names = "--json",
            scope = ScopeType.INHERIT,
            description = "Print the API's answer as JSON, errors too (on standard error).")
    private boolean json;

    private Flatsnap(Terminal terminal) {
        this.terminal = terminal;
    }

    private static Map<String, Class<?>> commands() {
        Map<String, Class<?>> commands = new LinkedHashMap<>();
        commands.put("vms", VmsCommand.class);
        commands.put("take", TakeCommand.class);
        commands.put("list", ListCommand.class);
        commands.put("find", FindCommand.class);
        commands.put("show", ShowCommand.class);
        commands.put("space", SpaceCommand.class);
        commands.put("rollback", RollbackCommand.class);
        commands.put("undo", UndoCommand.class);
        commands.put("clone", CloneCommand.class);
        commands.put("delete", DeleteCommand.class);
        commands.put("adopt", AdoptCommand.class);
        commands.put("hold", HoldCommand.class);
        commands.put("release", ReleaseCommand.class);
        commands.put("tag", TagCommand.class);
        commands.put("describe", DescribeCommand.class);
        commands.put("catalog", CatalogCommand.class);
        commands.put("doctor", DoctorCommand.class);
        commands.put("token", TokenCommand.class);
        commands.put("audit", AuditCommand.class);
        return commands;
    }

    /** Runs one command and ends the process. */
    public static void main(String[] arguments) {
        // The HTTP library names a logger; finding and starting the daemon's takes longer than most commands.
        System.setProperty("slf4j.provider", "org.slf4j.helpers.NOP_FallbackServiceProvider");
        System.setProperty("slf4j.internal.verbosity", "ERROR");
        Terminal terminal = Terminal.ofProcess(System.getenv());
        int exitCode = run(terminal, arguments);
        terminal.out().flush();
        terminal.err().flush();
        System.exit(exitCode);
    }

    /** Runs one command; gives its exit code. */
    static int run(Terminal terminal, String... arguments) {
        CommandLine commandLine = new CommandLine(new Flatsnap(terminal));
        Map<String, Class<?>> commands = commands();
        if (arguments.length > 0 && commands.containsKey(arguments[0])) {
            // Reading the annotations of all takes longer than most commands.
            commandLine.addSubcommand(arguments[0], commands.get(arguments[0]));
        } else {
            commands.forEach(commandLine::addSubcommand);
        }
        return commandLine
                .setOut(terminal.out())
                .setErr(terminal.err())
                .setColorScheme(Help.defaultColorScheme(terminal.coloured() ? Help.Ansi.ON : Help.Ansi.OFF))
                .setParameterExceptionHandler(Flatsnap::explain)
                .setExecutionExceptionHandler(Flatsnap::handle)
                .execute(arguments);
    }

    private static int explain(ParameterException exception, String[] arguments) {
        CommandLine command = exception.getCommandLine();
        PrintWriter err = command.getErr();
        err.println("flatsnap: " + Terminal.safe(String.valueOf(exception.getMessage()), false));
        UnmatchedArgumentException.printSuggestions(exception, err);
        err.println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
        return ExitCode.USAGE;
    }

    private static int handle(Exception exception, CommandLine commandLine, ParseResult parsed) throws Exception {
        if (exception instanceof Failure failure) {
            Flatsnap flatsnap = (Flatsnap) parsed.commandSpec().root().userObject();
            return Session.tell(failure, flatsnap.terminal, flatsnap.json);
        }
        throw exception;
    }

    /** What a command needs, once the options are known. */
    Session session() {
        return new Session(new DaemonClient(address()), terminal, json);
    }

    private DaemonAddress address() {
        return server.isEmpty()
                ? new SocketAddress(socket)
                : NetworkAddress.of(server, tokenFile, Optional.ofNullable(authorities));
    }

    /** The version written into the jar's manifest. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Flatsnap.class.getPackage().getImplementationVersion();
            return new String[] {"flatsnap " + (version == null ? "development" : version)};
        }
    }
}
