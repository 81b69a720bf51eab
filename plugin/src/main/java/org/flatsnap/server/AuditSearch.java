package org.flatsnap.server;

import io.javalin.http.Context;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.access.AuditQuery;
import org.flatsnap.catalog.Glob;
import org.flatsnap.query.Moments;

/** Reads the parameters of {@code GET /v1/audit}: {@code vm} and {@code who} are patterns. */
final class AuditSearch {
    private static final Set<String> KNOWN =
            new TreeSet<>(Set.of("vm", "who", "action", "after", "before", "limit", "cursor"));
    private static final int LIMIT = 100;

    private AuditSearch() {}

    static AuditQuery read(Context context, Moments moments) {
        context.queryParamMap().forEach((name, values) -> Parameters.check(name, values, KNOWN, ""));
        int limit = parameter(context, "limit")
                .map(text -> Parameters.number("limit", text, AuditQuery.MAX_LIMIT))
                .orElse(LIMIT);
        if (limit < 1 || limit > AuditQuery.MAX_LIMIT) {
            throw Parameters.bad("limit", limit + " is too small or too large", "Write 1 to " + AuditQuery.MAX_LIMIT);
        }
        return new AuditQuery(
                parameter(context, "vm").map(Glob::new),
                parameter(context, "who").map(Glob::new),
                parameter(context, "action"),
                parameter(context, "after").map(text -> moments.moment(Parameters.what("after"), text)),
                parameter(context, "before").map(text -> moments.moment(Parameters.what("before"), text)),
                limit,
                parameter(context, "cursor"));
    }

    private static Optional<String> parameter(Context context, String name) {
        return Optional.ofNullable(context.queryParam(name));
    }
}
