package org.flatsnap.server;

import io.javalin.http.Context;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.flatsnap.catalog.Order;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.engine.Engine;
import org.flatsnap.model.Quoted;
import org.flatsnap.model.Tag;
import org.flatsnap.query.Moments;
import org.flatsnap.query.QueryLanguage;

/** Reads the parameters of {@code GET /v1/snapshots}; {@code q} is a query as {@link QueryLanguage} has it. All must hold. */
final class SnapshotSearch {
    private static final Set<String> KNOWN = new TreeSet<>(
            Set.of("vm", "vmName", "name", "after", "before", "tag", "text", "order", "limit", "cursor", "q"));
    private static final String REPEATABLE = "tag";
    private static final String LANGUAGE = "q";

    private final Engine engine;
    private final QueryLanguage language;

    SnapshotSearch(Engine engine, QueryLanguage language) {
        this.engine = engine;
        this.language = language;
    }

    /** Reads the dates. */
    Moments moments() {
        return language.moments();
    }

    /** @param seen what to look for where a VM is named; a Problem if it may not be seen */
    SnapshotQuery read(Context context, UnaryOperator<String> seen) {
        Map<String, List<String>> parameters = context.queryParamMap();
        parameters.forEach((name, values) -> Parameters.check(name, values, KNOWN, REPEATABLE));
        SnapshotQuery query = SnapshotQuery.ALL.tagged(tags(parameters));
        for (Map.Entry<String, List<String>> parameter : parameters.entrySet()) {
            String value = parameter.getValue().get(0);
            query = switch (parameter.getKey()) {
                case "vm" -> query.ofVms(Set.of(engine.identify(seen.apply(Names.vm(value)))));
                case "vmName" -> query.ofVmsNamed(value);
                case "name" -> query.named(value);
                case "after" -> query.after(moments().moment(Parameters.what("after"), value));
                case "before" -> query.before(moments().moment(Parameters.what("before"), value));
                case "text" -> query.containing(value);
                case "order" -> query.ordered(order(value));
                case "limit" -> query.limitedTo(Parameters.number("limit", value, SnapshotQuery.MAX_LIMIT));
                case "cursor" -> query.from(value);
                default -> query;
            };
        }
        List<String> texts = parameters.getOrDefault(LANGUAGE, List.of());
        return texts.isEmpty() ? query : language.narrow(query, texts.get(0));
    }

    private static TreeSet<Tag> tags(Map<String, List<String>> parameters) {
        TreeSet<Tag> tags = new TreeSet<>();
        parameters.getOrDefault(REPEATABLE, List.of()).forEach(tag -> tags.add(new Tag(tag)));
        return tags;
    }

    private static Order order(String text) {
        return switch (text) {
            case "newest" -> Order.NEWEST_FIRST;
            case "oldest" -> Order.OLDEST_FIRST;
            default -> throw Parameters.bad("order", Quoted.of(text) + " is no order", "Choose newest or oldest");
        };
    }
}
