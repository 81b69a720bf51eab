package org.flatsnap.access;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.Extents;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The append-only log of who did what: one JSON object a line, in a file for each month of UTC ({@code 2026-11.jsonl}) that
 * its owner alone can read. JSON escapes line feeds, so no name can end a line and forge another.
 *
 * <p>A change has two lines: one before anything is done and one with the result. Both are durable when the call that writes
 * them returns; what a daemon left without a result is marked as interrupted when the next one opens the log. A line that a
 * crash has torn is passed over and ended before the next is written. Each file has room for some thousand lines more than
 * are in it, so that a full file system can be emptied. Safe for use by several threads.
 */
public final class AuditLog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(AuditLog.class);
    private static final String SUFFIX = ".jsonl";
    private static final long COUNTING_SECONDS = 60;
    private static final int MOST_COUNTED = 1000;
    private static final String MANY = "(many)";
    private static final long ROOM = 2 << 20;

    private final Path directory;
    private final Clock clock;
    // INVARIANT: used under this object's lock.
    private final Map<Refusal, Repeated> refusals = new HashMap<>();
    private boolean torn;
    private long allocated;
    private final ScheduledExecutorService counting = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "flatsnap-audit");
        thread.setDaemon(true);
        return thread;
    });

    /** What has to be the same for refusals to be counted as one. */
    private record Refusal(String who, String from, String action, Optional<String> vm, String result) {}

    /** How often more, since the line that was written. */
    private static final class Repeated {
        private final AuditEntry first;
        private int times;

        Repeated(AuditEntry first) {
            this.first = first;
        }
    }

    /**
     * One page of lines.
     *
     * @param entries newest first
     * @param next the cursor of the page behind it; empty for the last
     */
    public record Page(List<AuditEntry> entries, Optional<String> next) {}

    private record Line(YearMonth month, long number, AuditEntry entry) {
        String cursor() {
            return month + ":" + number;
        }
    }

    private AuditLog(Path directory, Clock clock) {
        this.directory = directory;
        this.clock = clock;
    }

    /**
     * Opens the log, and makes its directory if need be.
     *
     * @throws Problem UNAVAILABLE if it cannot be read or written
     */
    public static AuditLog open(Path directory, Clock clock) {
        AuditLog log = new AuditLog(directory, clock);
        try {
            if (!Files.isDirectory(directory)) {
                Files.createDirectories(
                        directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
                Durability.sync(directory.toAbsolutePath().getParent());
            }
            log.torn = log.endsTorn();
            for (AuditEntry left : log.unfinished()) {
                log.write(left.ended(log.now(), AuditEntry.INTERRUPTED));
            }
        } catch (IOException e) {
            throw log.unusable(e);
        }
        log.counting.scheduleWithFixedDelay(log::writeCounts, COUNTING_SECONDS, COUNTING_SECONDS, TimeUnit.SECONDS);
        return log;
    }

    private boolean endsTorn() throws IOException {
        try (FileChannel channel = FileChannel.open(file(month(now())), StandardOpenOption.READ)) {
            ByteBuffer last = ByteBuffer.allocate(1);
            return channel.size() > 0 && channel.read(last, channel.size() - 1) == 1 && last.get(0) != '\n';
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    /** A request can have begun in the month before. */
    private List<AuditEntry> unfinished() throws IOException {
        Map<String, AuditEntry> begun = new LinkedHashMap<>();
        YearMonth present = month(now());
        for (YearMonth month : List.of(present.minusMonths(1), present)) {
            forEachLine(month, Long.MAX_VALUE, line -> {
                if (line.entry().isBegun()) {
                    begun.put(line.entry().request(), line.entry());
                } else {
                    begun.remove(line.entry().request());
                }
            });
        }
        return List.copyOf(begun.values());
    }

    private Instant now() {
        return clock.instant();
    }

    private static YearMonth month(Instant moment) {
        return YearMonth.from(moment.atOffset(ZoneOffset.UTC));
    }

    private Path file(YearMonth month) {
        return directory.resolve(month + SUFFIX);
    }

    /**
     * Writes a line and makes it durable.
     *
     * @throws Problem UNAVAILABLE if that fails; what the line is about must then not be done
     */
    public void append(AuditEntry entry) {
        try {
            write(entry);
        } catch (IOException e) {
            LOG.error("cannot write the audit log in {}", directory, e);
            throw unusable(e);
        }
    }

    private synchronized void write(AuditEntry entry) throws IOException {
        String line = (torn ? "\n" : "") + Json.COMPACT.toJson(entry) + "\n";
        ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
        Path file = file(month(entry.at()));
        boolean isNew = !Files.exists(file);
        long end;
        // Opened anew for each line: what was moved away or removed is missed at once, and not written to for ever.
        try (FileChannel channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            torn = true;
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            torn = false;
            channel.force(true);
            end = channel.size();
        }
        if (isNew) {
            Durability.sync(directory);
            allocated = 0;
        }
        if (end > allocated - ROOM / 2 && Extents.tryAllocate(file, end, ROOM)) {
            allocated = end + ROOM;
        }
    }

    /**
     * Notes that something was refused. The first of its kind is written at once; equal ones that follow are counted and
     * written as one line a minute. What cannot be written is lost, because nothing was done.
     */
    public void refused(AuditEntry entry) {
        synchronized (this) {
            Refusal key = new Refusal(entry.who(), entry.from(), entry.action(), entry.vm(), entry.result());
            Repeated known = refusals.get(key);
            AuditEntry noted = entry;
            if (known == null && refusals.size() >= MOST_COUNTED) {
                key = new Refusal(MANY, MANY, MANY, Optional.empty(), entry.result());
                known = refusals.get(key);
                noted = anonymous(entry);
            }
            if (known != null) {
                known.times++;
                return;
            }
            refusals.put(key, new Repeated(noted));
        }
        try {
            write(entry);
        } catch (IOException e) {
            LOG.error("cannot write the audit log in {}", directory, e);
        }
    }

    private static AuditEntry anonymous(AuditEntry entry) {
        return new AuditEntry(
                entry.at(),
                entry.request(),
                MANY,
                Optional.empty(),
                MANY,
                MANY,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                entry.result(),
                Optional.empty());
    }

    private void writeCounts() {
        List<AuditEntry> counted = new ArrayList<>();
        synchronized (this) {
            refusals.values().stream()
                    .filter(repeated -> repeated.times > 0)
                    .forEach(repeated -> counted.add(repeated.first.counted(now(), repeated.times)));
            refusals.clear();
        }
        try {
            for (AuditEntry entry : counted) {
                write(entry);
            }
        } catch (IOException e) {
            LOG.error("cannot write the audit log in {}", directory, e);
        }
    }

    /**
     * Finds lines, newest first. Reads whole months, from the newest that can matter until the page is full.
     *
     * @throws Problem INVALID if the cursor is malformed, UNAVAILABLE if the log cannot be read
     */
    public Page find(AuditQuery query) {
        List<Line> found = new ArrayList<>();
        try {
            Optional<Line> place = query.cursor().map(AuditLog::place);
            for (YearMonth month : months()) {
                if (place.isPresent() && month.isAfter(place.get().month())
                        || query.before().isPresent()
                                && month.isAfter(month(query.before().get()))
                        || query.after().isPresent()
                                && month.isBefore(month(query.after().get()))) {
                    continue;
                }
                long until = place.filter(line -> line.month().equals(month))
                        .map(Line::number)
                        .orElse(Long.MAX_VALUE);
                int wanted = query.limit() + 1 - found.size();
                List<Line> lines = lines(month, until, wanted, query::matches);
                for (int i = lines.size() - 1; i >= 0; i--) {
                    found.add(lines.get(i));
                }
                if (found.size() > query.limit()) {
                    break;
                }
            }
        } catch (IOException e) {
            throw unusable(e);
        }
        if (found.size() <= query.limit()) {
            return new Page(found.stream().map(Line::entry).toList(), Optional.empty());
        }
        List<Line> page = found.subList(0, query.limit());
        return new Page(
                page.stream().map(Line::entry).toList(),
                Optional.of(page.get(page.size() - 1).cursor()));
    }

    private List<YearMonth> months() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.matches("\\d{4}-\\d\\d\\" + SUFFIX))
                    .map(name -> YearMonth.parse(name.substring(0, name.length() - SUFFIX.length())))
                    .sorted(Comparator.reverseOrder())
                    .toList();
        }
    }

    private static Line place(String cursor) {
        try {
            String[] parts = cursor.split(":", 2);
            if (parts.length == 2) {
                return new Line(YearMonth.parse(parts[0]), Long.parseLong(parts[1]), null);
            }
        } catch (DateTimeParseException | NumberFormatException e) {
            throw badCursor();
        }
        throw badCursor();
    }

    private static Problem badCursor() {
        return new Problem(
                Code.INVALID,
                "bad cursor",
                "it is not what the previous page of this query gave",
                "Ask for the first page again, without a cursor");
    }

    /** The last {@code wanted} lines of a month that stand before line {@code until} and match, in their order. */
    private List<Line> lines(YearMonth month, long until, int wanted, Predicate<AuditEntry> matches)
            throws IOException {
        Deque<Line> found = new ArrayDeque<>();
        forEachLine(month, until, line -> {
            if (matches.test(line.entry())) {
                found.add(line);
                if (found.size() > wanted) {
                    found.remove();
                }
            }
        });
        return List.copyOf(found);
    }

    /** Keeps none: a log of a month may be larger than memory. */
    private void forEachLine(YearMonth month, long until, Consumer<Line> consumer) throws IOException {
        // Unlike Files.newBufferedReader it goes on behind bytes that are no text.
        try (BufferedReader reader =
                new BufferedReader(new InputStreamReader(Files.newInputStream(file(month)), StandardCharsets.UTF_8))) {
            long number = 0;
            for (String text = reader.readLine(); text != null && number < until; text = reader.readLine()) {
                Optional<AuditEntry> entry = parse(text);
                if (entry.isPresent()) {
                    consumer.accept(new Line(month, number, entry.get()));
                }
                number++;
            }
        } catch (NoSuchFileException e) {
            LOG.debug("nothing was done in {}", month, e);
        }
    }

    private static Optional<AuditEntry> parse(String line) {
        try {
            return Optional.ofNullable(Json.COMPACT.fromJson(line, AuditEntry.class));
        } catch (RuntimeException e) {
            // Gson wraps what a record refuses in an exception of no type of its own.
            LOG.debug("passing over a damaged line of the audit log", e);
            return Optional.empty();
        }
    }

    private Problem unusable(IOException e) {
        return new Problem(
                Code.UNAVAILABLE,
                "cannot use the audit log in " + directory,
                String.valueOf(e.getMessage()),
                "Nothing is changed while that is so. Check that its file system is writable and has room, and that the"
                        + " directory is there; flatsnapd makes it when it starts",
                e);
    }

    /** Writes what was counted. */
    @Override
    public void close() {
        counting.shutdown();
        writeCounts();
    }
}
