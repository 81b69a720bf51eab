package org.flatsnap.server;

import io.javalin.http.Context;
import java.util.List;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quoted;

/** Reads the parameters of {@code GET /v1/vms/{vm}/space}. */
final class SpaceQuery {
    private static final String SNAPSHOT = "snapshot";

    private SpaceQuery() {}

    /** The snapshots that are named; empty for all. */
    static List<String> read(Context context) {
        for (String name : context.queryParamMap().keySet()) {
            if (!name.equals(SNAPSHOT)) {
                throw new Problem(
                        Code.INVALID,
                        "unknown parameter " + Quoted.of(name),
                        "a measurement takes " + SNAPSHOT + ", as often as wanted",
                        "Leave the other out");
            }
        }
        return context.queryParams(SNAPSHOT).stream().map(Names::snapshot).toList();
    }
}
