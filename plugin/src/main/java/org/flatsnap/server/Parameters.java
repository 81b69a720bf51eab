package org.flatsnap.server;

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
import java.util.Set;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;

/** What the parameters of searches have in common. */
final class Parameters {
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

    static Instant moment(String parameter, String text, ZoneId zone) {
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

    static int number(String parameter, String text, int largest) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw bad(parameter, Quoted.of(text) + " is no number", "Write 1 to " + largest);
        }
    }

    static Problem bad(String parameter, String why, String remedy) {
        return new Problem(Code.INVALID, "bad parameter '" + parameter + "'", why, remedy);
    }
}
