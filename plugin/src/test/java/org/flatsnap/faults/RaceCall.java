package org.flatsnap.faults;

import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * One call with its answer, as a step of a machine that does one thing after another.
 *
 * @param <S> the state of that machine; equal states must be {@code equals}
 */
interface RaceCall<S> {
    /** The state after this call, or nothing if the machine would have answered something else in this state. */
    Optional<S> from(S state);

    /** Whether it changes nothing, whatever the state. */
    boolean observes();

    /** The id of the snapshot that it has a part in making; the id says from when on it was made. */
    default Optional<String> makes() {
        return Optional.empty();
    }

    /** A call that has a part in making the snapshot of this id. */
    static <S> RaceCall<S> making(Supplier<String> id, RaceCall<S> call) {
        return new RaceCall<>() {
            @Override
            public Optional<S> from(S state) {
                return call.from(state);
            }

            @Override
            public boolean observes() {
                return call.observes();
            }

            @Override
            public Optional<String> makes() {
                return Optional.of(id.get());
            }

            @Override
            public String toString() {
                return call.toString();
            }
        };
    }

    /** A call that changes nothing. */
    static <S> RaceCall<S> observing(String text, Predicate<S> fits) {
        return new RaceCall<>() {
            @Override
            public Optional<S> from(S state) {
                return fits.test(state) ? Optional.of(state) : Optional.empty();
            }

            @Override
            public boolean observes() {
                return true;
            }

            @Override
            public String toString() {
                return text;
            }
        };
    }

    /** A call that may change the state. */
    static <S> RaceCall<S> changing(String text, Function<S, Optional<S>> step) {
        return new RaceCall<>() {
            @Override
            public Optional<S> from(S state) {
                return step.apply(state);
            }

            @Override
            public boolean observes() {
                return false;
            }

            @Override
            public String toString() {
                return text;
            }
        };
    }
}
