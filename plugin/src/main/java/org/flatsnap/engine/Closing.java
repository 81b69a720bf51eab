package org.flatsnap.engine;

import java.util.function.Consumer;
import org.flatsnap.model.Problem;

/** Ends things of which each has to end, whatever becomes of the others: one that does not keeps its locks. */
final class Closing {
    private Closing() {}

    /** Closes each; then throws what the first one threw that failed, with the rest. */
    static <T> void each(Iterable<T> all, Consumer<T> close) {
        Problem failure = null;
        for (T one : all) {
            try {
                close.accept(one);
            } catch (Problem e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
