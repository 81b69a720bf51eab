package org.flatsnap.cli;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.flatsnap.cli.Answers.Quiescence;
import org.flatsnap.cli.Answers.Snapshot;

/** How values are put into words. Times are in the local time zone. */
final class Wording {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss", Locale.ROOT);

    private Wording() {}

    /** What is no time is shown as it is; it says best itself what is wrong with it. */
    static String time(String instant) {
        try {
            return TIME.format(Instant.parse(instant).atZone(ZoneId.systemDefault()));
        } catch (DateTimeException e) {
            return instant;
        }
    }

    static String size(long bytes) {
        return bytes < 1L << 30 ? tenths(bytes, 20) + " MiB" : tenths(bytes, 30) + " GiB";
    }

    /** A number with one decimal; String.format would load the locales first. */
    private static String tenths(long bytes, int unit) {
        long tenths = Math.round(bytes * 10 / (double) (1L << unit));
        return tenths / 10 + "." + tenths % 10;
    }

    static String size(Snapshot snapshot) {
        return size(
                snapshot.disks().stream().mapToLong(Answers.DiskImage::bytes).sum());
    }

    static String count(int number, String thing) {
        return number + " " + thing + (number == 1 ? "" : "s");
    }

    /** The level reached and what it cost: {@code filesystem, frozen 70 ms}. */
    static String consistency(Quiescence quiescence) {
        List<String> parts = new ArrayList<>(List.of(quiescence.achieved()));
        if (quiescence.freezeMillis() > 0) {
            parts.add("frozen " + quiescence.freezeMillis() + " ms");
        }
        if (quiescence.pauseMillis() > 0) {
            parts.add("paused " + quiescence.pauseMillis() + " ms");
        }
        if (quiescence.torn()) {
            parts.add("torn between disks");
        }
        return String.join(", ", parts);
    }

    /** What marks a snapshot among others: {@code held}, {@code guard}, {@code foreign}, {@code orphaned}, {@code retired} with the time. */
    static String marks(Snapshot snapshot) {
        List<String> marks = new ArrayList<>();
        if (snapshot.labels().held()) {
            marks.add("held");
        }
        if (snapshot.guard() != null) {
            marks.add("guard");
        }
        if (snapshot.foreign() != null) {
            marks.add(snapshot.foreign().adopted() ? "adopted" : "foreign");
        }
        if (snapshot.orphaned()) {
            marks.add("orphaned");
        }
        if (snapshot.labels().retired() != null) {
            marks.add("retired " + time(snapshot.labels().retired()));
        }
        return String.join(",", marks);
    }
}
