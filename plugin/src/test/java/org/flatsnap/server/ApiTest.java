package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.server.ApiClient.encoded;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.server.ApiClient.Answer;
import org.flatsnap.testing.Bench;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What each path does when all goes well. */
@Timeout(60)
class ApiTest {
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

    private static Answer take(String vm, String body) throws IOException {
        Answer answer = client.send("POST", "/v1/vms/" + encoded(vm) + "/snapshots", body);
        assertThat(answer.status()).describedAs("%s", answer).isEqualTo(201);
        return answer;
    }

    private static List<String> names(String query) throws IOException {
        Answer answer = client.send("GET", "/v1/snapshots?" + query);
        assertThat(answer.status()).describedAs("%s", answer).isEqualTo(200);
        return elements(answer, "snapshots").stream()
                .map(snapshot -> snapshot.get("name").getAsString())
                .toList();
    }

    private static List<JsonObject> elements(Answer answer, String key) {
        return StreamSupport.stream(answer.object().getAsJsonArray(key).spliterator(), false)
                .map(JsonElement::getAsJsonObject)
                .toList();
    }

    @Test
    void healthNamesTheVersion() throws IOException {
        Answer answer = client.send("GET", "/v1/health");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.headers().get("content-type")).startsWith("application/json");
        assertThat(answer.text("version")).isNotEmpty();
        assertThat(answer.object().getAsJsonArray("underWay")).isEmpty();
    }

    @Test
    void vmsSayWhatCanBeDoneWithTheirDisks() throws IOException {
        VmId id = bench.vm("listed", "vda");
        take("listed", "{}");

        JsonObject vm = elements(client.send("GET", "/v1/vms"), "vms").stream()
                .filter(candidate -> candidate.get("vm").getAsString().equals(id.value()))
                .findFirst()
                .orElseThrow();

        assertThat(vm.get("name").getAsString()).isEqualTo("listed");
        assertThat(vm.get("state").getAsString()).isEqualTo("off");
        assertThat(vm.get("snapshots").getAsInt()).isEqualTo(1);
        assertThat(vm.getAsJsonArray("disks")
                        .get(0)
                        .getAsJsonObject()
                        .get("use")
                        .getAsString())
                .isEqualTo("snapshot");
    }

    @Test
    void aSnapshotIsTakenShownChangedAndDeleted() throws IOException {
        VmId id = bench.vm("life", "vda", "vdb");
        Answer taken = take(
                "life",
                "{\"name\":\"s1\",\"description\":\"before\\nthe upgrade\",\"tags\":[\"b\",\"a\"],\"consistency\":\"crash\","
                        + "\"strict\":true,\"disks\":[\"vdb\"]}");
        String path = "/v1/vms/" + id + "/snapshots/s1";

        assertThat(taken.text("name")).isEqualTo("s1");
        assertThat(taken.text("operation")).isEqualTo(taken.headers().get("operation-id"));
        assertThat(taken.object().getAsJsonArray("disks")).hasSize(1);
        assertThat(client.send("GET", path).json()).isEqualTo(taken.json());
        assertThat(client.send("GET", "/v1/vms/life/snapshots/latest").json()).isEqualTo(taken.json());
        assertThat(client.send("GET", "/v1/vms/life/snapshots/" + taken.text("id"))
                        .json())
                .isEqualTo(taken.json());

        Answer changed = client.send(
                "PATCH", path, "{\"description\":\"after\",\"addTags\":[\"c\"],\"removeTags\":[\"a\"],\"held\":true}");
        assertThat(changed.status()).isEqualTo(200);
        assertThat(changed.object().getAsJsonObject("labels").toString())
                .isEqualTo("{\"description\":\"after\",\"tags\":[\"b\",\"c\"],\"held\":true}");
        assertThat(client.send("PATCH", path, "{\"held\":false}").text("name")).isEqualTo("s1");

        Answer deleted = client.send("DELETE", path);
        assertThat(deleted.status()).isEqualTo(200);
        assertThat(deleted.text("id")).isEqualTo(taken.text("id"));
        assertThat(client.send("GET", path).status()).isEqualTo(404);
    }

    @Test
    void aRollbackIsUndone() throws IOException {
        VmId id = bench.vm("back", "vda");
        take("back", "{\"name\":\"s1\"}");
        Bench.write(bench.disk(id, "vda"), "changed");

        Answer rolledBack = client.send("POST", "/v1/vms/back/snapshots/s1/rollback", "{\"disks\":[\"vda\"]}");
        assertThat(rolledBack.status()).isEqualTo(200);
        assertThat(rolledBack.text("vm")).isEqualTo(id.value());
        assertThat(rolledBack.object().has("guard")).isTrue();
        assertThat(Bench.read(bench.disk(id, "vda"))).isEqualTo("fresh");

        assertThat(client.send("POST", "/v1/vms/back/undo", "{}").status()).isEqualTo(200);
        assertThat(Bench.read(bench.disk(id, "vda"))).isEqualTo("changed");
    }

    @Test
    void aCloneIsAVmOfItsOwn() throws IOException {
        bench.vm("mother", "vda");
        take("mother", "{\"name\":\"s1\"}");

        Answer cloned = client.send("POST", "/v1/vms/mother/snapshots/s1/clone", "{\"name\":\"daughter\"}");

        assertThat(cloned.status()).isEqualTo(201);
        assertThat(cloned.text("name")).isEqualTo("daughter");
        assertThat(cloned.object().getAsJsonArray("warnings")).hasSize(1);
        take("daughter", "{}");
    }

    @Test
    void theCatalogIsRebuilt() throws IOException {
        bench.vm("indexed", "vda");
        take("indexed", "{\"name\":\"s1\"}");

        Answer rebuilt = client.send("POST", "/v1/catalog/rebuild", "");

        assertThat(rebuilt.status()).isEqualTo(200);
        assertThat(rebuilt.object().get("snapshots").getAsInt()).isPositive();
        assertThat(names("vm=indexed")).containsExactly("s1");
    }

    @Test
    void theDoctorTellsWhatTheDaemonAdds() throws IOException {
        Answer answer = client.send("GET", "/v1/doctor");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(elements(answer, "findings"))
                .extracting(finding -> finding.get("subject").getAsString())
                .contains("manager", "view");
    }

    @Test
    void aSearchCombinesItsParameters() throws IOException {
        bench.vm("find-a", "vda");
        bench.vm("find-b", "vda");
        take("find-a", "{\"name\":\"nightly-1\",\"tags\":[\"prod\",\"db\"]}");
        take("find-a", "{\"name\":\"nightly-2\",\"tags\":[\"prod\"],\"description\":\"Before the Upgrade\"}");
        take("find-b", "{\"name\":\"nightly-3\"}");

        assertThat(names("vmName=find-*")).containsExactly("nightly-3", "nightly-2", "nightly-1");
        assertThat(names("vmName=find-*&order=oldest")).containsExactly("nightly-1", "nightly-2", "nightly-3");
        assertThat(names("vm=find-a&tag=prod&tag=db")).containsExactly("nightly-1");
        assertThat(names("vmName=find-*&text=upgrade")).containsExactly("nightly-2");
        assertThat(names("name=nightly-[12]")).containsExactly("nightly-2", "nightly-1");
        assertThat(names("vm=find-a&after=2020-01-01&before=2999-12-31T23:59:59%2B01:00"))
                .hasSize(2);
        assertThat(names("q=" + encoded("vm=find-* tag=prod on=today upgrade"))).containsExactly("nightly-2");
        assertThat(names("vm=find-a&order=oldest&q=" + encoded("name=\"nightly-*\"")))
                .containsExactly("nightly-1", "nightly-2");
        assertThat(names("vm=find-a&before=2020-01-01T00:00")).isEmpty();
        assertThat(names("vm=find-a&after=2999-01-01T00:00:00Z")).isEmpty();

        Answer first = client.send("GET", "/v1/snapshots?vmName=find-*&limit=2");
        assertThat(elements(first, "snapshots")).hasSize(2);
        assertThat(names("vmName=find-*&limit=2&cursor=" + first.text("next"))).containsExactly("nightly-1");
    }

    @Test
    void aRepeatedRequestGetsTheFirstResult() throws IOException {
        bench.vm("again", "vda");
        Map<String, String> operation = Map.of("Operation-Id", UUID.randomUUID().toString());

        Answer first = client.send("POST", "/v1/vms/again/snapshots", "{}", operation);
        Answer second = client.send("POST", "/v1/vms/again/snapshots", "{}", operation);

        assertThat(first.status()).isEqualTo(201);
        assertThat(second.json()).isEqualTo(first.json());
        assertThat(second.headers()).containsEntry("operation-id", operation.get("Operation-Id"));
        assertThat(names("vm=again")).hasSize(1);

        String path = "/v1/vms/again/snapshots/" + first.text("name");
        Map<String, String> deletion = Map.of("Operation-Id", UUID.randomUUID().toString());
        assertThat(client.send("DELETE", path, null, deletion).status()).isEqualTo(200);
        assertThat(client.send("DELETE", path, null, deletion).json()).isEqualTo(first.json());
    }

    @Test
    void anIdThatBelongsToAnotherRequestIsRefused() throws IOException {
        bench.vm("mixed", "vda");
        Map<String, String> operation = Map.of("Operation-Id", UUID.randomUUID().toString());
        Answer taken = client.send("POST", "/v1/vms/mixed/snapshots", "{}", operation);
        String path = "/v1/vms/mixed/snapshots/" + taken.text("name");

        // Both answer with the snapshot, so the answer alone would not tell that nothing was deleted.
        Answer refused = client.send("DELETE", path, null, operation);

        assertThat(refused.status()).isEqualTo(400);
        assertThat(refused.json().toString()).contains("it belongs to another request");
        assertThat(names("vm=mixed")).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "移行前",
                "Größe ändern",
                "до обновления",
                "قبل الترقية",
                "100% sure?",
                "a#b&c=d;e",
                "'quoted' \"twice\"",
                "back\\slash",
                "a+b",
                "%2F",
                "🚀 launch",
                "$(reboot)",
                "x..",
                "{json}",
                "~tilde*?[]"
            })
    void namesOfAnyScriptGoThrough(String name) throws Exception {
        bench.vm(name, "vda");

        Answer taken = take(name, "{\"name\":" + new JsonPrimitive(name) + "}");

        String path = "/v1/vms/" + encoded(name) + "/snapshots/" + encoded(name);
        assertThat(taken.text("name")).isEqualTo(name);
        assertThat(client.send("GET", path).json()).isEqualTo(taken.json());
        assertThat(names("vm=" + encoded(name))).containsExactly(name);
        assertThat(client.send("DELETE", path).status()).isEqualTo(200);
    }

    @Test
    void aNameIsFoundInEitherNormalForm() throws IOException {
        String composed = "Gr\u00f6\u00dfe";
        String decomposed = "Gro\u0308\u00dfe";
        bench.vm(composed + "-vm", "vda");

        take(decomposed + "-vm", "{\"name\":\"" + decomposed + "\"}");

        Answer shown = client.send("GET", "/v1/vms/" + encoded(composed + "-vm") + "/snapshots/" + encoded(decomposed));
        assertThat(shown.text("name")).isEqualTo(composed);
        assertThat(names("vm=" + encoded(decomposed + "-vm"))).containsExactly(composed);
    }

    @Test
    void aLongRequestCanBeWatchedAndHoldsUpNoOther() throws Exception {
        bench.vm("slow", VmState.RUNNING, "vda");
        take("slow", "{\"name\":\"s1\"}");
        CountDownLatch gate = new CountDownLatch(1);
        bench.manager().holdStopsUntil(gate);
        String operation = UUID.randomUUID().toString();
        CompletableFuture<Answer> rollback = CompletableFuture.supplyAsync(() -> {
            try {
                return client.send(
                        "POST",
                        "/v1/vms/slow/snapshots/s1/rollback",
                        "{\"stop\":true}",
                        Map.of("Operation-Id", operation));
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });

        Answer status = client.send("GET", "/v1/operations/" + operation);
        while (status.status() == 404 || !status.text("step").startsWith("stopping")) {
            assertThat(rollback).isNotDone();
            status = client.send("GET", "/v1/operations/" + operation);
        }
        assertThat(status.text("what")).isEqualTo("roll back slow to s1");
        assertThat(client.send("GET", "/v1/health").object().getAsJsonArray("underWay"))
                .hasSize(1);
        bench.vm("quick", "vda");
        take("quick", "{}");

        gate.countDown();
        assertThat(rollback.get(30, TimeUnit.SECONDS).object().get("started").getAsBoolean())
                .isTrue();
        assertThat(client.send("GET", "/v1/operations/" + operation).status()).isEqualTo(404);
    }
}
