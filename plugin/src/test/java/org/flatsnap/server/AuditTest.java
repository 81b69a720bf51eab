package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.flatsnap.cli.Run;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.server.ApiClient.Answer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the API writes down of requests, and what it does when it cannot. */
@Timeout(60)
class AuditTest {
    private static ApiBench bench;
    private static ApiClient client;

    @BeforeAll
    static void open() throws IOException {
        bench = new ApiBench();
        client = bench.client();
    }

    @AfterAll
    static void close() {
        bench.close();
    }

    private static List<JsonObject> entries(String query) throws IOException {
        Answer answer = client.send("GET", "/v1/audit" + query);
        assertThat(answer.status()).describedAs("%s", answer).isEqualTo(200);
        return answer.object().getAsJsonArray("entries").asList().stream()
                .map(JsonElement::getAsJsonObject)
                .toList();
    }

    private static String text(JsonObject entry, String key) {
        return Optional.ofNullable(entry.get(key)).map(JsonElement::getAsString).orElse("-");
    }

    private static String written() throws IOException {
        StringBuilder all = new StringBuilder();
        try (Stream<Path> files = Files.list(bench.state().resolve("audit"))) {
            for (Path file : files.toList()) {
                all.append(Files.readString(file));
            }
        }
        return all.toString();
    }

    @Test
    void everyChangeHasItsLine() throws IOException {
        VmId id = bench.vm("noted", "vda");
        String operation = UUID.randomUUID().toString();
        client.send("POST", "/v1/vms/noted/snapshots", "{\"name\":\"s1\"}", Map.of("Operation-Id", operation));
        client.send("PATCH", "/v1/vms/noted/snapshots/s1", "{\"held\":true}");
        client.send("DELETE", "/v1/vms/noted/snapshots/s1");
        client.send("PATCH", "/v1/vms/noted/snapshots/s1", "{\"held\":false}");
        client.send("POST", "/v1/vms/noted/snapshots/s1/clone", "{\"name\":\"noted-2\"}");
        client.send("GET", "/v1/vms/noted/snapshots/s1");

        List<JsonObject> lines = entries("?vm=" + id);

        assertThat(lines)
                .extracting(line -> text(line, "action") + " " + text(line, "snapshot") + " " + text(line, "detail")
                        + " " + text(line, "result"))
                .containsExactly(
                        "clone s1 to noted-2 ok",
                        "change s1 release ok",
                        "delete s1 - REFUSED",
                        "change s1 hold ok",
                        "take s1 - ok");
        JsonObject take = lines.get(4);
        assertThat(text(take, "who")).isEqualTo("root");
        assertThat(take.get("uid").getAsInt()).isZero();
        assertThat(text(take, "from")).isEqualTo("socket");
        assertThat(text(take, "operation")).isEqualTo(operation);
        assertThat(text(take, "vm")).isEqualTo("noted");
        assertThat(entries("?vm=noted")).hasSize(5);
        assertThat(entries("?vm=noted&action=clone")).hasSize(1);
        assertThat(entries("?vm=noted&who=nobody")).isEmpty();
        assertThat(client.send("GET", "/v1/audit?nonsense=1").status()).isEqualTo(400);
        assertThat(client.send("GET", "/v1/audit?limit=0").status()).isEqualTo(400);
    }

    @Test
    void pagesFollowEachOther() throws IOException {
        bench.vm("paged", "vda");
        for (int i = 0; i < 5; i++) {
            client.send("POST", "/v1/vms/paged/snapshots", "{\"name\":\"s" + i + "\"}");
        }

        Answer first = client.send("GET", "/v1/audit?vm=paged&limit=3");
        List<JsonObject> second = entries("?vm=paged&limit=3&cursor=" + first.text("next"));

        assertThat(first.object().getAsJsonArray("entries")).hasSize(3);
        assertThat(second).extracting(line -> text(line, "snapshot")).containsExactly("s1", "s0");
    }

    @Test
    void theLineStandsBeforeAnythingIsDone() throws Exception {
        bench.vm("early", VmState.RUNNING, "vda");
        client.send("POST", "/v1/vms/early/snapshots", "{\"name\":\"s1\"}");
        CountDownLatch gate = new CountDownLatch(1);
        bench.manager().holdStopsUntil(gate);
        CompletableFuture<Answer> rollback = CompletableFuture.supplyAsync(() -> {
            try {
                return client.send("POST", "/v1/vms/early/snapshots/s1/rollback", "{\"stop\":true}");
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        while (client.send("GET", "/v1/health")
                .object()
                .getAsJsonArray("underWay")
                .isEmpty()) {
            assertThat(rollback).isNotDone();
        }

        assertThat(written().lines())
                .anyMatch(line -> line.contains("\"action\":\"rollback\",\"vm\":\"early\"")
                        && line.contains("\"result\":\"begun\""));
        assertThat(entries("?vm=early&action=rollback")).isEmpty();
        gate.countDown();
        assertThat(rollback.get(30, TimeUnit.SECONDS).status()).isEqualTo(200);
        assertThat(entries("?vm=early&action=rollback"))
                .singleElement()
                .satisfies(line -> assertThat(text(line, "result")).isEqualTo("ok"));
    }

    @Test
    void withoutTheLogNothingIsChangedAndAllCanBeRead() throws IOException {
        bench.vm("unlogged", "vda");
        Path directory = bench.state().resolve("audit");
        Path aside = bench.state().resolve("audit.aside");
        Files.move(directory, aside);
        Files.writeString(directory, "in the way");
        try {
            Answer refused = client.send("POST", "/v1/vms/unlogged/snapshots", "{\"name\":\"s1\"}");

            assertThat(refused.status()).isEqualTo(503);
            assertThat(refused.text("code")).isEqualTo("UNAVAILABLE");
            assertThat(refused.text("what")).contains("audit log");
            assertThat(refused.text("remedy")).contains("writable");
            assertThat(client.send("GET", "/v1/vms/unlogged/snapshots/s1").status())
                    .isEqualTo(404);
            assertThat(client.send("GET", "/v1/vms").status()).isEqualTo(200);
        } finally {
            Files.delete(directory);
            Files.move(aside, directory);
        }
        assertThat(client.send("POST", "/v1/vms/unlogged/snapshots", "{\"name\":\"s1\"}")
                        .status())
                .isEqualTo(201);
    }

    @Test
    void namesCannotForgeLinesNorSteerTheTerminal() throws IOException {
        String name = "%0a{\"result\":\"ok\"}";
        assertThat(client.send("POST", "/v1/vms/" + ApiClient.encoded("x\n{}") + "/undo", "{}")
                        .status())
                .isEqualTo(400);
        client.send("POST", "/v1/vms/" + ApiClient.encoded(name) + "/undo", "{}");
        client.send("DELETE", "/v1/tokens/" + ApiClient.encoded("a\u001b[2Jb\nc"));

        assertThat(written().lines()).allMatch(line -> line.startsWith("{\"at\":") && line.endsWith("}"));
        assertThat(entries("?vm=" + ApiClient.encoded(name)))
                .singleElement()
                .satisfies(line -> assertThat(text(line, "result")).isEqualTo("NOT_FOUND"));
        Run run = Run.of(bench.socket(), "audit", "--action", "revoke-token");
        assertThat(run.out()).contains("a\\u001b[2Jb\\u000ac").doesNotContain("\u001b");
    }
}
