package org.flatsnap.catalog;

import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;

/** A process that four threads keep busy with putting and removing, until somebody kills it. */
final class PutForever {
    private PutForever() {}

    /**
     * Takes the catalog's file and the number of the first snapshot. Prints a line for each change once it is durable,
     * ended by a stop, so that half a line is known as such.
     */
    public static void main(String[] arguments) {
        Catalog catalog = Catalog.open(Path.of(arguments[0]));
        AtomicInteger next = new AtomicInteger(Integer.parseInt(arguments[1]));
        IntStream.range(0, 4)
                .mapToObj(i -> new Thread(() -> {
                    while (true) {
                        int number = next.getAndIncrement();
                        Snapshot snapshot = snapshot(number);
                        catalog.put(snapshot);
                        catalog.recordOperation(snapshot.operation(), "result " + number, Snapshots.NOON);
                        System.out.println("put " + number + " " + snapshot.operation() + ".");
                        if (number % 3 == 0) {
                            catalog.remove(snapshot.id());
                            System.out.println("removed " + number + ".");
                        }
                    }
                }))
                .forEach(Thread::start);
    }

    /** The same for the same number, but for its operation. */
    static Snapshot snapshot(int number) {
        return new Fleet(number, 20).snapshot(number);
    }
}
