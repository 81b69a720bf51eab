package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.Optional;
import org.flatsnap.cli.Answers.Rebuilt;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;

/** Work on the catalog. */
@Command(
        name = "catalog",
        description = "Look after the catalog, the index over all snapshots.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = CatalogCommand.Rebuild.class,
        footer = {"", "Examples:", "  flatsnap catalog rebuild"})
final class CatalogCommand {
    @ParentCommand
    private Flatsnap flatsnap;

    /** Makes it anew. */
    @Command(
            name = "rebuild",
            description = "Make the catalog anew from what stands on the stores. Searches go on meanwhile.",
            footer = {"", "Examples:", "  flatsnap catalog rebuild"})
    static final class Rebuild implements Runnable {
        @ParentCommand
        private CatalogCommand catalog;

        @Mixin
        private OperationOption operation;

        @Override
        public void run() {
            Session session = catalog.flatsnap.session();
            JsonObject answer =
                    session.change("POST", DaemonClient.path("catalog", "rebuild"), Optional.empty(), operation.id());
            if (!session.printed(answer)) {
                session.line("the catalog holds "
                        + session.read(answer, Rebuilt.class).snapshots() + " snapshots");
            }
        }
    }
}
