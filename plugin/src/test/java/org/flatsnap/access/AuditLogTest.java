package org.flatsnap.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.flatsnap.catalog.Glob;
import org.flatsnap.model.Problem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The log as it stands in its files, also after crashes. */
class AuditLogTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

    @TempDir
    private Path state;

    private Path directory;
    private Path file;

    @BeforeEach
    void name() {
        directory = state.resolve("audit");
        file = directory.resolve("2026-11.jsonl");
    }

    private AuditLog open() {
        return AuditLog.open(directory, Clock.fixed(NOW, ZoneOffset.UTC));
    }

    private static AuditEntry entry(String request, String action, String vm, String result) {
        return entry(NOW, request, action, vm, result);
    }

    private static AuditEntry entry(Instant at, String request, String action, String vm, String result) {
        return new AuditEntry(
                at,
                request,
                "alice",
                Optional.of(1000),
                Caller.SOCKET,
                action,
                Optional.of(vm),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                result,
                Optional.empty());
    }

    private static AuditQuery query(int limit, Optional<String> cursor) {
        return new AuditQuery(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                limit,
                cursor);
    }

    private static List<String> requests(AuditLog log) {
        return log.find(query(100, Optional.empty())).entries().stream()
                .map(AuditEntry::request)
                .toList();
    }

    @Test
    void whatIsWrittenIsFoundAndForTheOwnerAlone() throws IOException {
        try (AuditLog log = open()) {
            log.append(entry("r1", "take", "web1", AuditEntry.BEGUN));
            assertThat(requests(log)).isEmpty();
            log.append(entry("r1", "take", "web1", AuditEntry.OK));
            assertThat(requests(log)).containsExactly("r1");
        }
        assertThat(Files.readAllLines(file)).hasSize(2);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
    }

    @Test
    void noNameForgesALine() throws IOException {
        String forged = "x\"}\n{\"at\":\"2026-11-22T12:00:00Z\",\"request\":\"forged\",\"who\":\"bob\"}\r\u2028\u0085";
        try (AuditLog log = open()) {
            log.append(entry("r1", "take", forged, AuditEntry.OK));

            assertThat(Files.readString(file).chars().filter(c -> c == '\n').count())
                    .isEqualTo(1);
            assertThat(log.find(query(10, Optional.empty())).entries())
                    .singleElement()
                    .satisfies(entry -> assertThat(entry.vm()).contains(forged));
        }
    }

    @Test
    void aTornLineIsPassedOverAndTheNextIsWhole() throws IOException {
        try (AuditLog log = open()) {
            log.append(entry("r1", "take", "web1", AuditEntry.OK));
        }
        Files.write(file, new byte[] {'{', '"', 'a', 't', '"', ':', (byte) 0xc3}, StandardOpenOption.APPEND);

        try (AuditLog log = open()) {
            log.append(entry("r2", "take", "web1", AuditEntry.OK));
            assertThat(requests(log)).containsExactly("r2", "r1");
        }
    }

    @Test
    void whatADeadDaemonBeganIsMarkedAsInterrupted() {
        try (AuditLog log = open()) {
            log.append(entry("done", "take", "web1", AuditEntry.BEGUN));
            log.append(entry("done", "take", "web1", AuditEntry.OK));
            log.append(entry("left", "delete", "web1", AuditEntry.BEGUN));
            // In the month before.
            log.append(entry(Instant.parse("2026-10-31T23:59:59Z"), "older", "undo", "web1", AuditEntry.BEGUN));
        }

        for (int start = 1; start <= 2; start++) {
            try (AuditLog log = open()) {
                assertThat(log.find(query(10, Optional.empty())).entries())
                        .extracting(entry -> entry.request() + " " + entry.result())
                        .containsExactly("left interrupted", "older interrupted", "done ok");
            }
        }
    }

    @Test
    void pagesGoBackThroughTheMonths() {
        try (AuditLog log = open()) {
            List<String> written = new ArrayList<>();
            for (int month = 9; month <= 11; month++) {
                for (int i = 0; i < 5; i++) {
                    String request = month + "-" + i;
                    written.add(0, request);
                    Instant at = Instant.parse(String.format("2026-%02d-1%dT00:00:00Z", month, i));
                    log.append(entry(at, request, i == 0 ? "delete" : "take", "web" + i, AuditEntry.OK));
                }
            }
            List<String> read = new ArrayList<>();
            Optional<String> cursor = Optional.empty();
            do {
                AuditLog.Page page = log.find(query(4, cursor));
                page.entries().forEach(entry -> read.add(entry.request()));
                cursor = page.next();
            } while (cursor.isPresent());
            assertThat(read).isEqualTo(written);

            assertThat(log.find(new AuditQuery(
                                    Optional.of(new Glob("web[0-2]")),
                                    Optional.of(new Glob("al*")),
                                    Optional.of("take"),
                                    Optional.of(Instant.parse("2026-10-12T00:00:00Z")),
                                    Optional.of(Instant.parse("2026-11-12T00:00:00Z")),
                                    10,
                                    Optional.empty()))
                            .entries())
                    .extracting(AuditEntry::request)
                    .containsExactly("11-1", "10-2");
            assertThatThrownBy(() -> log.find(query(4, Optional.of("2026-11"))))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("bad cursor");
        }
    }

    @Test
    void equalRefusalsAreCounted() {
        try (AuditLog log = open()) {
            for (int i = 0; i < 1000; i++) {
                log.refused(entry("r" + i, "take", "web1", "TOO_OFTEN"));
            }
            log.refused(entry("other", "take", "web2", "TOO_OFTEN"));
            assertThat(requests(log)).containsExactly("other", "r0");
        }
        try (AuditLog log = open()) {
            assertThat(log.find(query(10, Optional.empty())).entries())
                    .extracting(AuditEntry::times)
                    .containsExactly(Optional.of(999), Optional.empty(), Optional.empty());
        }
    }

    @Test
    void refusalsOfManyKindsDoNotFillTheDisk() throws IOException {
        try (AuditLog log = open()) {
            for (int i = 0; i < 3000; i++) {
                log.refused(entry("r" + i, "take", "vm" + i, "FORBIDDEN"));
            }
        }
        assertThat(Files.readAllLines(file)).hasSizeLessThan(1010);
    }

    @Test
    void whatCannotBeWrittenIsToldAndTheRestOfItDoesNotSpoilTheNext() throws IOException {
        try (AuditLog log = open()) {
            Files.move(directory, state.resolve("aside"));
            assertThatThrownBy(() -> log.append(entry("r1", "take", "web1", AuditEntry.BEGUN)))
                    .isInstanceOfSatisfying(Problem.class, problem -> {
                        assertThat(problem.code()).isEqualTo(Problem.Code.UNAVAILABLE);
                        assertThat(problem.remedy()).contains("Nothing is changed while that is so");
                    });
            Files.move(state.resolve("aside"), directory);
            log.append(entry("r2", "take", "web1", AuditEntry.OK));
            assertThat(requests(log)).containsExactly("r2");
        }
    }
}
