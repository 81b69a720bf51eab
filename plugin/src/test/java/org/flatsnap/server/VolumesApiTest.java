package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.server.ApiClient.encoded;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.flatsnap.server.ApiClient.Answer;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.LoopFileSystem;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The paths of Proxmox VE's storage plugin, on a real socket and a store that only a request makes known. */
@Timeout(60)
class VolumesApiTest {
    private static final String GUEST =
            "{\"vmid\":%d,\"type\":\"qemu\",\"name\":\"web\",\"ctime\":1690000000,\"running\":false,\"snapstate\":\"prepare\"}";

    private static ApiBench bench;
    private static LoopFileSystem fileSystem;
    private static ApiClient client;

    @BeforeAll
    static void open() throws IOException {
        bench = new ApiBench();
        fileSystem = LoopFileSystem.xfs();
        client = bench.client();
        assertThat(client.send("GET", "/v1/stores" + at()).status()).isEqualTo(404);
        Answer answer = client.send("PUT", "/v1/stores", "{\"place\":\"" + fileSystem.root() + "/\"}");
        assertThat(answer.status()).describedAs("%s", answer).isEqualTo(200);
        assertThat(answer.object().keySet())
                .containsExactly("place", "store", "engine", "totalBytes", "usedBytes", "availableBytes");
    }

    @AfterAll
    static void close() throws IOException {
        assertThat(client.send("DELETE", "/v1/stores" + at()).status()).isEqualTo(200);
        assertThat(client.send("DELETE", "/v1/stores" + at()).status()).isEqualTo(200);
        assertThat(client.send("GET", "/v1/volumes" + at()).status()).isEqualTo(404);
        bench.close();
        fileSystem.close();
    }

    private static String at() {
        return "?place=" + encoded(fileSystem.root().toString());
    }

    private static Answer send(int status, String method, String path, String body) throws IOException {
        Answer answer = client.send(method, "/v1/volumes" + path + at(), body);
        assertThat(answer.status())
                .describedAs("%s %s: %s", method, path, answer)
                .isEqualTo(status);
        return answer;
    }

    private static Path create(String name, String content) throws IOException {
        Answer made = send(201, "POST", "", "{\"name\":\"" + name + "\",\"bytes\":1048576}");
        Path path = Path.of(made.text("path"));
        Bench.write(path, content);
        return path;
    }

    private static List<String> names(JsonArray elements) {
        List<String> names = new ArrayList<>();
        for (JsonElement element : elements) {
            names.add(element.getAsJsonObject().get("name").getAsString());
        }
        return names;
    }

    private static void assertProblem(Answer answer, String... texts) {
        assertThat(answer.headers().get("content-type")).startsWith("application/problem+json");
        assertThat(answer.object().toString()).contains(texts);
    }

    @Test
    void aVolumeIsMadeListedGrownRenamedAndRemoved() throws IOException {
        Path path = create("vm-100-disk-0", "x");
        create("vm-101-disk-0", "y");

        assertThat(path).isEqualTo(fileSystem.root().resolve("images/100/vm-100-disk-0.raw"));
        Answer listed = client.send("GET", "/v1/volumes" + at() + "&vmid=100");
        assertThat(names(listed.object().getAsJsonArray("volumes"))).containsExactly("vm-100-disk-0");
        assertThat(names(send(200, "GET", "", null).object().getAsJsonArray("volumes")))
                .contains("vm-100-disk-0", "vm-101-disk-0");
        assertThat(send(200, "GET", "/vm-100-disk-0", null).object().keySet())
                .containsExactly("name", "path", "bytes", "usedBytes", "madeAt");
        assertThat(send(200, "PATCH", "/vm-100-disk-0", "{\"bytes\":2097152}")
                        .object()
                        .get("bytes")
                        .getAsLong())
                .isEqualTo(2097152);
        assertThat(send(200, "PATCH", "/vm-100-disk-0", "{\"name\":\"base-100-disk-0\"}")
                        .text("name"))
                .isEqualTo("base-100-disk-0");
        assertProblem(send(404, "GET", "/vm-100-disk-0", null), "there is no volume of that name", "pvesm list");
        assertThat(send(200, "DELETE", "/base-100-disk-0", null).json().toString())
                .isEqualTo("{}");
        send(200, "DELETE", "/base-100-disk-0", null);
    }

    @Test
    void disksTakenOneByOneGoBackAndAreCloned() throws IOException {
        Path first = create("vm-102-disk-0", "a0");
        Path second = create("vm-102-disk-1", "b0");
        String body = "{\"name\":\"s1\",\"guest\":" + GUEST.formatted(102) + "}";
        Answer one = send(201, "POST", "/vm-102-disk-0/snapshots", body);
        Answer two = send(201, "POST", "/vm-102-disk-1/snapshots", body);
        assertThat(one.object().keySet()).containsExactly("name", "id", "takenAt", "bytes");
        assertThat(two.text("id")).isEqualTo(one.text("id"));
        assertProblem(send(409, "POST", "/vm-102-disk-0/snapshots", body), "it has a snapshot of that name");
        assertThat(client.send("GET", "/v1/snapshots?vmName=web").object().toString())
                .doesNotContain(one.text("id"));
        Bench.write(first, "a1");
        Bench.write(second, "b1");

        Answer shown = send(200, "GET", "/vm-102-disk-0/snapshots/s1", null);
        assertThat(Bench.read(Path.of(shown.text("path")))).isEqualTo("a0");
        Answer back = send(
                200,
                "POST",
                "/vm-102-disk-0/snapshots/s1/rollback",
                "{\"guest\":" + GUEST.formatted(102).replace("prepare", "rollback") + "}");
        assertThat(back.text("guard")).startsWith("guard-");
        assertThat(Bench.read(first)).isEqualTo("a0");
        assertThat(Bench.read(second)).isEqualTo("b1");
        send(201, "POST", "/vm-102-disk-1/clone", "{\"to\":\"vm-103-disk-0\",\"snapshot\":\"s1\"}");
        Answer now = send(201, "POST", "/vm-102-disk-1/clone", "{\"to\":\"vm-103-disk-1\"}");
        assertThat(Bench.read(first.resolveSibling("../103/vm-103-disk-0.raw"))).isEqualTo("b0");
        assertThat(Bench.read(Path.of(now.text("path")))).isEqualTo("b1");

        send(200, "DELETE", "/vm-102-disk-0/snapshots/s1", null);
        send(200, "DELETE", "/vm-102-disk-0/snapshots/s1", null);
        assertThat(names(send(200, "GET", "/vm-102-disk-1/snapshots", null)
                        .object()
                        .getAsJsonArray("snapshots")))
                .containsExactly("s1");
        assertThat(names(send(200, "GET", "/vm-102-disk-0/snapshots", null)
                        .object()
                        .getAsJsonArray("snapshots")))
                .containsExactly(back.text("guard"));
    }

    @Test
    void aRepeatedRequestGetsTheFirstAnswer() throws IOException {
        create("vm-104-disk-0", "x");
        Map<String, String> same = Map.of("Operation-Id", UUID.randomUUID().toString());
        String path = "/v1/volumes/vm-104-disk-0/snapshots" + at();
        Answer first = client.send("POST", path, "{\"name\":\"s1\"}", same);
        Answer second = client.send("POST", path, "{\"name\":\"s1\"}", same);

        assertThat(first.status()).isEqualTo(201);
        assertThat(second.json()).isEqualTo(first.json());
        assertThat(client.send("POST", path, "{\"name\":\"s2\"}", same).status())
                .isEqualTo(400);
    }

    @Test
    void whatCannotBeMeantIsRefusedByName() throws IOException {
        assertProblem(client.send("GET", "/v1/volumes"), "bad parameter 'place'", "it is missing");
        assertProblem(client.send("GET", "/v1/volumes?place=relative/../x&no=1"), "unknown parameter 'no'");
        assertProblem(client.send("GET", "/v1/volumes?place=" + encoded("tank/!")), "letters, digits");
        assertProblem(send(400, "GET", "/disk", null), "bad volume name 'disk'", "vm-100-disk-0");
        assertProblem(send(400, "POST", "", "{\"name\":\"vm-105-disk-0\"}"), "'bytes' is missing");
        assertProblem(send(400, "POST", "", "{\"name\":\"vm-105-disk-0\",\"bytes\":1.5}"), "a whole number");
        assertProblem(send(400, "POST", "", "{\"name\":\"vm-105-disk-0\",\"bytes\":\"1\"}"), "a whole number");
        assertProblem(send(400, "POST", "", "{\"name\":\"vm-105-disk-0\",\"bytes\":-1}"), "-1 bytes");
        assertProblem(send(400, "PATCH", "/vm-105-disk-0", "{}"), "does not say what to change");
        String snapshots = "/vm-105-disk-0/snapshots";
        assertProblem(send(400, "POST", snapshots, "{\"name\":\"s\",\"guest\":[]}"), "not an object");
        assertProblem(
                send(400, "POST", snapshots, "{\"name\":\"s\",\"guest\":{\"vmid\":7,\"type\":\"qemu\"}}"),
                "bad guest number 7");
        assertProblem(
                send(400, "POST", snapshots, "{\"name\":\"s\",\"guest\":{\"vmid\":105,\"type\":\"bsd\"}}"),
                "bad type of guest 'bsd'");
        assertProblem(
                send(400, "POST", snapshots, "{\"name\":\"s\",\"guest\":{\"vmid\":105,\"kind\":1}}"),
                "the unknown key 'kind'");
        assertProblem(send(404, "POST", "/vm-105-disk-0/snapshots/s/rollback", "{}"), "unknown snapshot 's'");
    }

    @Test
    void eachChangeStandsInTheAuditLogWithItsGuest() throws IOException {
        create("vm-106-disk-0", "x");
        send(201, "POST", "/vm-106-disk-0/snapshots", "{\"name\":\"s1\"}");

        JsonArray lines = client.send("GET", "/v1/audit?vm=106").object().getAsJsonArray("entries");

        assertThat(lines).hasSize(1);
        assertThat(lines.get(0).toString())
                .contains(
                        "\"action\":\"take-volume\"",
                        "\"vm\":\"106\"",
                        "\"snapshot\":\"s1\"",
                        "volume vm-106-disk-0 on " + fileSystem.root(),
                        "\"result\":\"ok\"");
    }
}
