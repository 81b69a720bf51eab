package org.flatsnap.faults;

import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

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
