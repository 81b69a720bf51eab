package org.flatsnap.faults;

/**
 * A call and when it was under way, in nanoseconds of one clock.
 *
 * @param number tells events of one history apart
 * @param from before it was sent
 * @param to after its answer had come
 */
record RaceEvent<S>(int number, long from, long to, RaceCall<S> call) {}
