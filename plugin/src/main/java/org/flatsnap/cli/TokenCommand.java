package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.flatsnap.cli.Answers.CreatedToken;
import org.flatsnap.cli.Answers.Token;
import org.flatsnap.cli.Answers.Tokens;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Work on tokens. */
@Command(
        name = "token",
        description = "Look after the tokens by which callers from the network are known.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {TokenCommand.Create.class, TokenCommand.Show.class, TokenCommand.Revoke.class},
        footer = {"", "Examples:", "  flatsnap token list", "  flatsnap token create --help"})
final class TokenCommand {
    @ParentCommand
    private Flatsnap flatsnap;

    /** Makes one. */
    @Command(
            name = "create",
            description = "Make a token, on the host of the daemon. Its secret is printed this once and kept nowhere.",
            footer = {
                "",
                "Roles are viewer, operator and admin. Patterns are those of the shell: quote them.",
                "",
                "Examples:",
                "  flatsnap token create ci --role operator --vm 'web*' --expires 30d"
            })
    static final class Create implements Runnable {
        @ParentCommand
        private TokenCommand token;

        @Parameters(index = "0", paramLabel = "NAME", description = "What to call it in lists and logs.")
        private String name;

        @Option(names = "--role", paramLabel = "ROLE", required = true, description = "What its bearer may do.")
        private String role;

        @Option(
                names = "--vm",
                paramLabel = "GLOB",
                description = "Only with VMs of this name, or this whole id; may be repeated (default: all).")
        private List<String> vms = List.of();

        @Option(
                names = "--expires",
                paramLabel = "TIME",
                defaultValue = "90d",
                description = "When it ends, in hours or days (default: ${DEFAULT-VALUE}).")
        private String expires;

        @Override
        public void run() {
            Session session = token.flatsnap.session();
            JsonObject body = new JsonObject();
            body.addProperty("name", name);
            body.addProperty("role", role);
            body.add("vms", TakeCommand.array(vms));
            body.addProperty("expires", expires);
            JsonObject answer =
                    session.change("POST", DaemonClient.path("tokens"), Optional.of(body), UUID.randomUUID());
            if (!session.printed(answer)) {
                CreatedToken made = session.read(answer, CreatedToken.class);
                session.note("token " + made.token().name() + " ends on "
                        + Wording.time(made.token().expiresAt())
                        + "; keep the line below in a file that you alone can read");
                session.line(made.secret());
            }
        }
    }

    /** Lists them. */
    @Command(
            name = "list",
            description = "Show the tokens, without their secrets.",
            footer = {"", "Examples:", "  flatsnap token list"})
    static final class Show implements Runnable {
        @ParentCommand
        private TokenCommand token;

        @Override
        public void run() {
            Session session = token.flatsnap.session();
            JsonObject answer = session.get(DaemonClient.path("tokens"));
            if (session.printed(answer)) {
                return;
            }
            Table table = new Table("TOKEN", "ROLE", "VMS", "EXPIRES", "MADE BY");
            for (Token shown : session.read(answer, Tokens.class).tokens()) {
                table.add(
                        shown.name(),
                        shown.role(),
                        String.join(" ", shown.vms()),
                        Wording.time(shown.expiresAt()),
                        shown.createdBy());
            }
            session.print(table);
        }
    }

    /** Ends one. */
    @Command(
            name = "revoke",
            description = "Make a token worthless from now on.",
            footer = {"", "Examples:", "  flatsnap token revoke ci"})
    static final class Revoke implements Runnable {
        @ParentCommand
        private TokenCommand token;

        @Parameters(index = "0", paramLabel = "NAME", description = "The token's name.")
        private String name;

        @Override
        public void run() {
            Session session = token.flatsnap.session();
            JsonObject answer =
                    session.change("DELETE", DaemonClient.path("tokens", name), Optional.empty(), UUID.randomUUID());
            if (!session.printed(answer)) {
                session.line(
                        "revoked token " + session.read(answer, Token.class).name());
            }
        }
    }
}
