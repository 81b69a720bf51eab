package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.server.ApiClient.encoded;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.flatsnap.server.ApiClient.Answer;
import org.flatsnap.testing.Mutations;
import org.flatsnap.testing.Texts;

/** Whatever a request says, the answer is that it was done or a problem document that says what is wrong with it. */
class ApiPropertyTest {
    private static ApiBench bench;
    private static ApiClient client;

    @BeforeContainer
    static void open() throws IOException {
        bench = new ApiBench();
        client = bench.client();
        bench.vm("web01", "vda");
        send("POST", "/v1/vms/web01/snapshots", "{\"name\":\"s1\"}");
    }

    @AfterContainer
    static void close() {
        bench.close();
    }

    @Provide
    Arbitrary<String> paths() {
        return Arbitraries.of(
                "POST /v1/vms/web01/snapshots",
                "PATCH /v1/vms/web01/snapshots/s1",
                "DELETE /v1/vms/web01/snapshots/absent",
                "POST /v1/vms/web01/snapshots/s1/rollback",
                "POST /v1/vms/web01/snapshots/s1/adopt",
                "POST /v1/vms/web01/snapshots/s1/clone",
                "POST /v1/vms/web01/undo");
    }

    @Provide
    Arbitrary<String> values() {
        Arbitrary<String> simple = Arbitraries.oneOf(
                Arbitraries.of(
                        "null",
                        "true",
                        "1",
                        "-1e999999999",
                        "\"\"",
                        "\"s1\"",
                        "\"\\ud800\"",
                        "{}",
                        "[]",
                        "[null]",
                        "[[]]",
                        "\"crash\"",
                        "[\"vda\"]",
                        "[\"vda\",1]",
                        "[".repeat(300),
                        "{\"a\":".repeat(300),
                        "NaN",
                        "'x'",
                        "\"\\u0000\"",
                        "[\"a\",\"a\"]"),
                Texts.any().map(text -> "\"" + text + "\""));
        Arbitrary<String> keys = Arbitraries.oneOf(
                Arbitraries.of(
                        "name",
                        "description",
                        "tags",
                        "consistency",
                        "strict",
                        "disks",
                        "addTags",
                        "removeTags",
                        "held",
                        "stop",
                        "",
                        "name\\u0000"),
                Texts.any());
        Arbitrary<String> objects = Combinators.combine(keys, simple)
                .as((key, value) -> "\"" + key + "\":" + value)
                .list()
                .ofMaxSize(4)
                .map(members -> "{" + String.join(",", members) + "}");
        return Arbitraries.oneOf(objects, simple, Texts.any());
    }

    @Provide
    Arbitrary<Mutations> mutations() {
        return Mutations.some();
    }

    @Provide
    Arbitrary<String> parameters() {
        return Arbitraries.oneOf(
                Arbitraries.of("vm", "vmName", "name", "after", "before", "tag", "text", "order", "limit", "cursor"),
                Texts.any());
    }

    @Provide
    Arbitrary<String> texts() {
        return Texts.any();
    }

    @Property
    void anyBody(@ForAll("paths") String path, @ForAll("values") String body) throws IOException {
        String[] words = path.split(" ");
        send(words[0], words[1], body);
    }

    @Property
    void aMutatedBody(@ForAll("paths") String path, @ForAll("mutations") Mutations mutations) throws IOException {
        String[] words = path.split(" ");
        byte[] whole = "{\"name\":\"s2\",\"description\":\"x\",\"tags\":[\"a\"],\"strict\":false,\"disks\":[\"vda\"]}"
                .getBytes(StandardCharsets.UTF_8);
        send(words[0], words[1], new String(mutations.apply(whole), StandardCharsets.ISO_8859_1));
    }

    @Property
    void anyName(@ForAll("texts") String vm, @ForAll("texts") String snapshot) throws IOException {
        String path = "/v1/vms/" + encoded(vm) + "/snapshots/" + encoded(snapshot);
        for (String request : List.of("GET " + path, "DELETE " + path, "POST " + path + "/rollback")) {
            send(request.substring(0, request.indexOf(' ')), request.substring(request.indexOf(' ') + 1), null);
        }
    }

    @Property
    void anySearch(@ForAll("parameters") String key, @ForAll("texts") String text) throws IOException {
        send("GET", "/v1/snapshots?" + encoded(key) + "=" + encoded(text), null);
    }

    private static void send(String method, String path, String body) throws IOException {
        Answer answer = body == null ? client.send(method, path) : client.send(method, path, body);
        assertThat(answer.status())
                .as("%s %s %s: %s", method, path, body, answer)
                .isBetween(200, 499);
        if (answer.status() >= 400) {
            assertThat(answer.headers().get("content-type")).startsWith("application/problem+json");
            for (String key : List.of("code", "what", "why", "remedy")) {
                assertThat(answer.text(key)).isNotBlank();
            }
        }
    }
}
