package org.flatsnap.cli;

import picocli.CommandLine.Option;

/** From when to when. */
final class PeriodOptions {
    @Option(names = "--after", paramLabel = "DATE", description = "Then or later.")
    private String after;

    @Option(names = "--before", paramLabel = "DATE", description = "Earlier.")
    private String before;

    void addTo(Query query) {
        query.add("after", after);
        query.add("before", before);
    }
}
