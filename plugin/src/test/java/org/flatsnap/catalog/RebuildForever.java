package org.flatsnap.catalog;

import java.nio.file.Path;
import java.util.Iterator;
import java.util.stream.Stream;
import org.flatsnap.model.Snapshot;

/** A process that rebuilds a catalog from storage without end, until somebody kills it. */
final class RebuildForever {
    private RebuildForever() {}

    /** Takes the catalog's file. Prints a line when the rebuild is well under way. */
    public static void main(String[] arguments) {
        Catalog catalog = Catalog.open(Path.of(arguments[0]));
        Fleet fleet = new Fleet(77, 5);
        Iterator<Snapshot> endless = Stream.iterate(0, number -> number + 1)
                .peek(number -> {
                    if (number == 1000) {
                        System.out.println("rebuilding");
                    }
                })
                .map(fleet::snapshot)
                .iterator();
        catalog.replaceAll(endless);
    }
}
