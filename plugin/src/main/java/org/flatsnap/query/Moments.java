package org.flatsnap.query;

import static java.util.Objects.requireNonNull;

import java.time.Clock;
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
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quoted;

/**
 * Reads dates and times as people write them: {@code 2026-11-22}, {@code 2026-11-22T14:00} and so on to the nanosecond, both in
 * the clock's time zone; the latter also with {@code Z} or an offset; {@code today} and {@code yesterday}. Safe for use by
 * several threads.
 *
 * @param clock says which day is today, and where
 */
public record Moments(Clock clock) {
    private static final DateTimeFormatter MOMENT = new DateTimeFormatterBuilder()
            .append(DateTimeFormatter.ISO_LOCAL_DATE)
            .optionalStart()
            .appendLiteral('T')
            .append(DateTimeFormatter.ISO_LOCAL_TIME)
            .optionalStart()
            .appendOffsetId()
            .toFormatter()
            .withResolverStyle(ResolverStyle.STRICT);

    /** Checks that there is a clock. */
    public Moments {
        requireNonNull(clock, "clock");
    }

    /** By the machine's clock. */
    public static Moments in(ZoneId zone) {
        return new Moments(Clock.system(zone));
    }

    /** Where a date without a zone is meant. */
    public ZoneId zone() {
        return clock.getZone();
    }

    /** The present day. */
    public LocalDate today() {
        return LocalDate.now(clock);
    }

    /** The first moment of a day. */
    public Instant start(LocalDate day) {
        return day.atStartOfDay(zone()).toInstant();
    }

    /**
     * The moment that is meant, for a day its first.
     *
     * @param what what failed if it is none: "bad parameter 'after'"
     * @throws Problem INVALID if it is none
     */
    public Instant moment(String what, String text) {
        TemporalAccessor moment = parse(what, text);
        if (moment instanceof OffsetDateTime exact) {
            return exact.toInstant();
        }
        if (moment instanceof LocalDateTime local) {
            return local.atZone(zone()).toInstant();
        }
        return start((LocalDate) moment);
    }

    /**
     * The day that is meant.
     *
     * @param what what failed if it is none
     * @throws Problem INVALID if it is none
     */
    public LocalDate day(String what, String text) {
        if (parse(what, text) instanceof LocalDate day) {
            return day;
        }
        throw new Problem(Code.INVALID, what, Quoted.of(text) + " is more than a day", "Write 2026-11-22 or today");
    }

    private TemporalAccessor parse(String what, String text) {
        return switch (text) {
            case "today" -> today();
            case "yesterday" -> today().minusDays(1);
            default -> {
                try {
                    yield MOMENT.parseBest(text, OffsetDateTime::from, LocalDateTime::from, LocalDate::from);
                } catch (DateTimeException e) {
                    throw new Problem(
                            Code.INVALID,
                            what,
                            Quoted.of(text) + " is no date",
                            "Write 2026-11-22, 2026-11-22T14:00, today or yesterday for the time zone " + zone()
                                    + ", or 2026-11-22T14:00:00Z",
                            e);
                }
            }
        };
    }
}
