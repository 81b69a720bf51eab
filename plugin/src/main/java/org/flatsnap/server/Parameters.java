package org.flatsnap.server;

import java.util.List;
import java.util.Set;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quoted;

/** What the parameters of searches have in common. */
final class Parameters {
    private Parameters() {}

    /** Refuses what is not known, stands twice or has no value. */
    static void check(String name, List<String> values, Set<String> known, String repeatable) {
        if (!known.contains(name)) {
            throw new Problem(
                    Code.INVALID,
                    "unknown parameter " + Quoted.of(name),
                    "a search takes " + String.join(", ", known),
                    "Use one of these");
        }
        if (values.size() > 1 && !name.equals(repeatable)) {
            throw bad(name, "it stands more than once", "Give it once");
        }
        // What is not percent-encoded as it should be is missing here.
        if (values.isEmpty() || values.stream().anyMatch(value -> value.isEmpty() || value.indexOf('\uFFFD') >= 0)) {
            throw bad(name, "it is empty, or not valid UTF-8", "Give it a value, or leave it out");
        }
    }

    /** What failed where this one is bad. */
    static String what(String parameter) {
        return "bad parameter '" + parameter + "'";
    }

    static int number(String parameter, String text, int largest) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw bad(parameter, Quoted.of(text) + " is no number", "Write 1 to " + largest);
        }
    }

    static Problem bad(String parameter, String why, String remedy) {
        return new Problem(Code.INVALID, what(parameter), why, remedy);
    }
}
