package org.flatsnap.cli;

import java.util.Optional;
import picocli.CommandLine.Option;

/** Which part of a long list to show. */
final class PageOptions {
    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "50",
            description = "Show at most so many (default: ${DEFAULT-VALUE}).")
    private int limit;

    @Option(
            names = "--cursor",
            paramLabel = "C",
            description = "Go on where an earlier search with the same options ended.")
    private String cursor;

    void addTo(Query query) {
        query.add("limit", Integer.toString(limit));
        query.add("cursor", cursor);
    }

    static void announce(Session session, Optional<String> next) {
        next.ifPresent(value -> session.note("there are more: repeat this with --cursor " + value));
    }
}
