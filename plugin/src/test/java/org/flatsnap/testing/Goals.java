package org.flatsnap.testing;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** What a bench is to reach, and whether it did. Used by one thread. */
public final class Goals {
    private final Map<String, String> judged = new LinkedHashMap<>();
    private boolean missed;

    /** A figure that is to be no higher. */
    public void atMost(String what, double limit, double reached) {
        judge("%s, at most %s".formatted(what, number(limit)), reached, reached <= limit);
    }

    /** A figure that is to be no lower. */
    public void atLeast(String what, double limit, double reached) {
        judge("%s, at least %s".formatted(what, number(limit)), reached, reached >= limit);
    }

    // NaN, of what was not measured, is missed too.
    private void judge(String goal, double reached, boolean kept) {
        missed |= !kept;
        judged.put(goal, "%s, %s".formatted(number(reached), kept ? "reached" : "MISSED"));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%,.0f", value);
    }

    /** By goal what was reached, and "reached" or "MISSED". */
    public Map<String, String> judged() {
        return judged;
    }

    /** Whether a figure is not what it is to be. */
    public boolean missed() {
        return missed;
    }

    /** Prints each on a line. */
    public void print() {
        judged.forEach((goal, reached) -> System.out.printf("%-62s %s%n", goal, reached));
    }
}
