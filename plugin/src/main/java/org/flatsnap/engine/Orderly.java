package org.flatsnap.engine;

import java.util.function.Supplier;

/** Runs a change so that what fails half way is brought into order at once. */
@FunctionalInterface
interface Orderly {
    <T> T run(Supplier<T> change);
}
