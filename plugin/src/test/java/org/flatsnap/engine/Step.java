package org.flatsnap.engine;

import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/**
 * One step of a random sequence. What it acts on is chosen, by its own seed, among what is there when its turn comes, so that a
 * sequence from which steps were left out still makes sense.
 */
record Step(Kind kind, long seed) {
    /** What is done. */
    enum Kind {
        WRITE(12),
        TAKE(7),
        ROLL_BACK(9),
        UNDO(4),
        CLONE(2),
        DELETE(4),
        RELABEL(3),
        REDEFINE(2),
        REBUILD(1),
        RESTART(1),
        RESTART_WITHOUT_CATALOG(1),
        INVALID(2);

        private final int weight;

        Kind(int weight) {
            this.weight = weight;
        }
    }

    /** The sequence of a seed: always the same. */
    static List<Step> sequence(long seed, int length) {
        List<Kind> kinds = Stream.of(Kind.values())
                .flatMap(kind -> Stream.generate(() -> kind).limit(kind.weight))
                .toList();
        Random random = new Random(seed);
        return Stream.generate(() -> new Step(kinds.get(random.nextInt(kinds.size())), random.nextLong()))
                .limit(length)
                .toList();
    }
}
