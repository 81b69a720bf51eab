package org.flatsnap.server;

import io.javalin.http.Context;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.ResolverStyle;
import java.time.temporal.TemporalAccessor;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.catalog.Order;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.engine.Engine;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Tag;

/** Reads the parameters of {@code GET /v1/snapshots}. */
final class SnapshotSearch {
    private static final Set<String> KNOWN =
            new TreeSet<>(Set.of("vm", "vmName", "name", "after", "before", "tag", "text", "order", "limit", "cursor"));
    private static final String REPEATABLE = "tag";

    /** 2026-11-22, 2026-11-22T14:00 and so on to the nanosecond, the latter also with Z or an offset. */
    private static final DateTimeFormatter MOMENT = new DateTimeFormatterBuilder()
            .append(DateTimeFormatter.ISO_LOCAL_DATE)
            .optionalStart()
            .appendLiteral('T')
            .append(DateTimeFormatter.ISO_LOCAL_TIME)
            .optionalStart()
            .appendOffsetId()
            .toFormatter()
            .withResolverStyle(ResolverStyle.STRICT);

    private final Engine engine;
    private final ZoneId zone;

    SnapshotSearch(Engine engine, ZoneId zone) {
        this.engine = engine;
        this.zone = zone;
    }

    SnapshotQuery read(Context context) {
        Map<String, List<String>> parameters = context.queryParamMap();
        parameters.forEach(SnapshotSearch::check);
        SnapshotQuery query = SnapshotQuery.ALL.tagged(tags(parameters));
        for (Map.Entry<String, List<String>> parameter : parameters.entrySet()) {
            String value = parameter.getValue().get(0);
            query = switch (parameter.getKey()) {
                case "vm" -> query.ofVms(Set.of(engine.identify(Names.vm(value))));
                case "vmName" -> query.ofVmsNamed(value);
                case "name" -> query.named(value);
                case "after" -> query.after(moment("after", value));
                case "before" -> query.before(moment("before", value));
                case "text" -> query.containing(value);
                case "order" -> query.ordered(order(value));
                case "limit" -> query.limitedTo(limit(value));
                case "cursor" -> query.from(value);
                default -> query;
            };
        }
        return query;
    }

    private static void check(String name, List<String> values) {
        if (!KNOWN.contains(name)) {
            throw new Problem(
                    Code.INVALID,
                    "unknown parameter " + Quoted.of(name),
                    "a search takes " + String.join(", ", KNOWN),
                    "Use one of these");
        }
        if (values.size() > 1 && !name.equals(REPEATABLE)) {
            throw bad(name, "it stands more than once", "Give it once");
        }
        // What is not percent-encoded as it should be is missing here.
        if (values.isEmpty() || values.stream().anyMatch(value -> value.isEmpty() || value.indexOf('\uFFFD') >= 0)) {
            throw bad(name, "it is empty, or not valid UTF-8", "Give it a value, or leave it out");
        }
    }

    private static TreeSet<Tag> tags(Map<String, List<String>> parameters) {
        TreeSet<Tag> tags = new TreeSet<>();
        parameters.getOrDefault(REPEATABLE, List.of()).forEach(tag -> tags.add(new Tag(tag)));
        return tags;
    }

    private Instant moment(String parameter, String text) {
        try {
            TemporalAccessor moment =
                    MOMENT.parseBest(text, OffsetDateTime::from, LocalDateTime::from, LocalDate::from);
            if (moment instanceof OffsetDateTime exact) {
                return exact.toInstant();
            }
            LocalDateTime local = moment instanceof LocalDateTime time ? time : ((LocalDate) moment).atStartOfDay();
            return local.atZone(zone).toInstant();
        } catch (DateTimeException e) {
            throw bad(
                    parameter,
                    Quoted.of(text) + " is no date",
                    "Write 2026-11-22 or 2026-11-22T14:00 for the time zone " + zone + ", or 2026-11-22T14:00:00Z");
        }
    }

    private static Order order(String text) {
        return switch (text) {
            case "newest" -> Order.NEWEST_FIRST;
            case "oldest" -> Order.OLDEST_FIRST;
            default -> throw bad("order", Quoted.of(text) + " is no order", "Choose newest or oldest");
        };
    }

    private static int limit(String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw bad("limit", Quoted.of(text) + " is no number", "Write 1 to " + SnapshotQuery.MAX_LIMIT);
        }
    }

    private static Problem bad(String parameter, String why, String remedy) {
        return new Problem(Code.INVALID, "bad parameter '" + parameter + "'", why, remedy);
    }
}
