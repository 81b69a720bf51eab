package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.server.ApiClient.encoded;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.flatsnap.linux.Flock;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.server.ApiClient.Answer;
import org.flatsnap.testing.Commands;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the API answers when something is not as it should be. */
@Timeout(60)
class ApiProblemsTest {
    private static final String SNAPSHOTS = "/v1/vms/web01/snapshots";

    private static ApiBench bench;
    private static ApiClient client;
    private static VmId web01;

    @BeforeAll
    static void open() throws IOException {
        bench = new ApiBench();
        client = bench.client();
        web01 = bench.vm("web01", "vda");
        take("{\"name\":\"s1\"}");
    }

    @AfterAll
    static void close() {
        bench.close();
    }

    @AfterEach
    void heal() {
        bench.manager().failWith(null);
    }

    private static Answer take(String body) throws IOException {
        return client.send("POST", SNAPSHOTS, body);
    }

    private static void assertProblem(Answer answer, int status, Problem.Code code) {
        assertThat(answer.status()).describedAs("%s", answer).isEqualTo(status);
        assertThat(answer.headers().get("content-type")).startsWith("application/problem+json");
        assertThat(answer.object().keySet())
                .containsExactly("type", "title", "status", "detail", "code", "what", "why", "remedy");
        assertThat(answer.text("type")).isEqualTo("about:blank");
        assertThat(answer.object().get("status").getAsInt()).isEqualTo(status);
        assertThat(answer.text("code")).isEqualTo(code.name());
        for (String key : List.of("title", "what", "why", "remedy")) {
            assertThat(answer.text(key)).describedAs(key).isNotBlank();
        }
    }

    @Test
    void whatDoesNotExist() throws IOException {
        assertProblem(client.send("GET", "/v1/vms/nobody/snapshots/s1"), 404, Problem.Code.NOT_FOUND);
        assertProblem(client.send("GET", SNAPSHOTS + "/nothing"), 404, Problem.Code.NOT_FOUND);
        assertProblem(client.send("GET", "/v1/snapshots?vm=nobody"), 404, Problem.Code.NOT_FOUND);
        assertProblem(take("{\"disks\":[\"vdz\"]}"), 404, Problem.Code.NOT_FOUND);
        assertProblem(
                client.send("GET", "/v1/operations/123e4567-e89b-12d3-a456-426614174000"), 404, Problem.Code.NOT_FOUND);
        assertProblem(client.send("GET", "/"), 404, Problem.Code.NOT_FOUND);
        assertProblem(client.send("GET", "/v1/vms/"), 404, Problem.Code.NOT_FOUND);
        assertProblem(client.send("GET", "/v1/nonsense?x=%zz"), 404, Problem.Code.NOT_FOUND);
    }

    @Test
    void aMethodThatThePathDoesNotTake() throws IOException {
        Answer answer = client.send("PUT", SNAPSHOTS + "/s1", "{}");

        assertProblem(answer, 405, Problem.Code.INVALID);
        assertThat(answer.headers().get("allow").split(", ")).containsExactlyInAnyOrder("GET", "PATCH", "DELETE");
        assertProblem(client.send("BREW", "/v1/vms"), 405, Problem.Code.INVALID);
    }

    @Test
    void whatExistsAlready() throws IOException {
        assertProblem(take("{\"name\":\"s1\"}"), 409, Problem.Code.EXISTS);
        assertProblem(client.send("POST", SNAPSHOTS + "/s1/clone", "{\"name\":\"web01\"}"), 409, Problem.Code.EXISTS);
    }

    @Test
    void whatTheStateForbids() throws IOException {
        take("{\"name\":\"kept\"}");
        client.send("PATCH", SNAPSHOTS + "/kept", "{\"held\":true}");
        assertProblem(client.send("DELETE", SNAPSHOTS + "/kept"), 409, Problem.Code.REFUSED);

        bench.vm("runner", VmState.RUNNING, "vda");
        client.send("POST", "/v1/vms/runner/snapshots", "{\"name\":\"s1\"}");
        assertProblem(client.send("POST", "/v1/vms/runner/snapshots/s1/rollback", "{}"), 409, Problem.Code.REFUSED);
    }

    @Test
    void aVmOnWhichSomebodyElseWorks() throws IOException {
        Path lock = bench.fileSystem().root().resolve(".flatsnap/locks").resolve(web01.value());
        try (Flock held = Flock.tryLock(lock).orElseThrow()) {
            assertProblem(take("{}"), 423, Problem.Code.BUSY);
        }
    }

    @Test
    void aDiskThatCannotBeSnapshotted() throws IOException {
        VmId id = new VmId("5f3a09bc-0000-4000-8000-00000000c0de");
        Disk qcow2 = new Disk(new DiskName("vda"), Disk.Kind.FILE, "/images/a.qcow2", "qcow2", false, false);
        bench.manager().put(id, "chained", VmState.OFF, List.of(qcow2));

        assertProblem(client.send("POST", "/v1/vms/chained/snapshots", "{}"), 422, Problem.Code.UNSUPPORTED);
    }

    @Test
    void aStoreWithoutRoom() throws IOException {
        Path filler = bench.fileSystem().fill();
        try {
            Answer answer = take("{}");
            for (int i = 0; i < 50 && answer.status() == 201; i++) {
                // What XFS has reserved for its own records goes first.
                answer = take("{}");
            }
            assertProblem(answer, 507, Problem.Code.NO_SPACE);
        } finally {
            Files.delete(filler);
        }
    }

    @Test
    void aManagerThatDoesNotAnswer() throws IOException {
        bench.manager()
                .failWith(new Problem(
                        Problem.Code.UNAVAILABLE, "cannot reach libvirt", "it is not running", "Start libvirtd"));

        Answer answer = client.send("GET", "/v1/vms");

        assertProblem(answer, 503, Problem.Code.UNAVAILABLE);
        assertThat(answer.text("detail")).isEqualTo("cannot reach libvirt: it is not running. Start libvirtd.");
        assertThat(client.send("GET", SNAPSHOTS + "/s1").status()).isEqualTo(200);
    }

    @Test
    void damageOnStorage() throws IOException {
        Answer taken = take("{\"name\":\"damaged\"}");
        Path metadata = bench.fileSystem()
                .root()
                .resolve(".flatsnap/vms")
                .resolve(web01.value())
                .resolve(taken.text("id"))
                .resolve("snapshot.json");
        String text = Files.readString(metadata);
        Files.writeString(metadata, text.replace("damaged", "demaged"));

        assertProblem(client.send("DELETE", SNAPSHOTS + "/damaged"), 500, Problem.Code.INTERNAL);

        Files.writeString(metadata, text);
    }

    @Test
    void aDefectKeepsItsDetailsInTheLog() throws IOException {
        bench.manager().failWith(new IllegalStateException("password=hunter2"));
        Answer answer = client.send("GET", "/v1/vms");
        assertProblem(answer, 500, Problem.Code.INTERNAL);
        assertThat(answer.json().toString()).doesNotContain("hunter2").doesNotContain("IllegalState");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]",
                "null",
                "\"text\"",
                "1",
                "{",
                "}",
                "{}{}",
                "{\"name\":\"a\",}",
                "{name:\"a\"}",
                "{'name':'a'}",
                "{\"name\":\"a\"} x",
                "{\"name\":\"a\",\"name\":\"b\"}",
                "// c\n{}",
                "{\"name\":\"\u0001\"}",
                "{\"name\"}",
                "{\"name\":nul}",
                "{\"strict\":TRUE}",
                "<xml/>"
            })
    void bodiesThatAreNotOneJsonObject(String body) throws IOException {
        Answer answer = take(body);

        assertProblem(answer, 400, Problem.Code.INVALID);
        assertThat(answer.text("what")).isEqualTo("cannot read the body of the request");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "{\"colour\":\"red\"}; 'colour'",
                "{\"Name\":\"a\"}; 'Name'",
                "{\"name\":1}; 'name'",
                "{\"name\":null}; 'name'",
                "{\"name\":[\"a\"]}; 'name'",
                "{\"description\":{}}; 'description'",
                "{\"strict\":\"true\"}; 'strict'",
                "{\"strict\":1}; 'strict'",
                "{\"tags\":\"a\"}; 'tags'",
                "{\"tags\":[1]}; 'tags'",
                "{\"tags\":[null]}; 'tags'",
                "{\"tags\":[[\"a\"]]}; 'tags'",
                "{\"disks\":{\"vda\":true}}; 'disks'",
                "{\"consistency\":true}; 'consistency'",
            })
    void bodiesWithWrongKeysOrTypes(String body, String named) throws IOException {
        Answer answer = take(body);

        assertProblem(answer, 400, Problem.Code.INVALID);
        assertThat(answer.text("why")).contains(named);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"name\":\"\"}",
                "{\"name\":\"a/b\"}",
                "{\"name\":\"..\"}",
                "{\"name\":\".hidden\"}",
                "{\"name\":\"-rf\"}",
                "{\"name\":\" a\"}",
                "{\"name\":\"latest\"}",
                "{\"name\":\"a\\u0000b\"}",
                "{\"name\":\"a\\nb\"}",
                "{\"name\":\"\\u001b[31mred\"}",
                "{\"name\":\"a\\u202eb\"}",
                "{\"name\":\"\\ud800\"}",
                "{\"name\":\"\ufffd\"}",
                "{\"tags\":[\"two words\"]}",
                "{\"tags\":[\"\"]}",
                "{\"description\":\"\\u0007\"}",
                "{\"consistency\":\"perfect\"}",
                "{\"disks\":[\"../vda\"]}",
            })
    void valuesThatTheModelRefuses(String body) throws IOException {
        assertProblem(take(body), 400, Problem.Code.INVALID);
    }

    @Test
    void valuesThatAreTooLong() throws IOException {
        assertProblem(take("{\"name\":\"" + "a".repeat(300) + "\"}"), 400, Problem.Code.INVALID);
        assertProblem(take("{\"description\":\"" + "a".repeat(5000) + "\"}"), 400, Problem.Code.INVALID);
        assertProblem(take("{\"name\":\"a\"" + " ".repeat(64 << 10) + "}"), 400, Problem.Code.INVALID);
        assertProblem(take("[".repeat(60_000)), 400, Problem.Code.INVALID);
        Answer answer = take("{\"" + "k".repeat(60_000) + "\":1}");
        assertProblem(answer, 400, Problem.Code.INVALID);
        assertThat(answer.text("detail")).hasSizeLessThan(400);
    }

    @Test
    void requestsThatLackWhatTheyNeed() throws IOException {
        assertProblem(client.send("PATCH", SNAPSHOTS + "/s1", "{}"), 400, Problem.Code.INVALID);
        Answer answer = client.send("POST", SNAPSHOTS + "/s1/clone", "{}");
        assertProblem(answer, 400, Problem.Code.INVALID);
        assertThat(answer.text("why")).contains("'name'");
        assertProblem(client.send("DELETE", SNAPSHOTS + "/s1", "{\"force\":true}"), 400, Problem.Code.INVALID);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "a%2Fb 400",
                "%2e%2e 400",
                ".. 400",
                "%2E 400",
                "%0a 400",
                "a%0D%0Ab 400",
                "%1b%5B31m 400",
                "%E2%80%AE 400",
                "%7f 400",
                "%C2%9B 400",
                "%00 400",
                "%zz 400",
                "% 400",
                "%ff%fe 400",
                "%C0%AF 400",
                "%ED%A0%80 400",
                "-x 400",
                "a;b=c 404",
                "%5c..%5c 404",
                "%2525 404",
                "100%25 404",
                "a+b 404",
                "%3F%23 404",
            })
    void namesInPaths(String name, int status) throws IOException {
        Problem.Code code = status == 404 ? Problem.Code.NOT_FOUND : Problem.Code.INVALID;
        assertProblem(client.send("GET", SNAPSHOTS + "/" + name), status, code);
        assertProblem(client.send("DELETE", SNAPSHOTS + "/" + name), status, code);
    }

    @Test
    void longNamesInPaths() throws IOException {
        assertProblem(client.send("GET", SNAPSHOTS + "/" + "a".repeat(300)), 400, Problem.Code.INVALID);
        assertProblem(
                client.send("GET", "/v1/vms/" + encoded("移".repeat(100)) + "/snapshots/s1"), 400, Problem.Code.INVALID);
        assertProblem(client.send("GET", SNAPSHOTS + "/" + "a".repeat(9000)), 414, Problem.Code.INVALID);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "colour=red 'colour'",
                "limit=0 limit",
                "limit=10001 limit",
                "limit=ten 'limit'",
                "limit=1&limit=2 'limit'",
                "order=random 'order'",
                "after=tomorrow 'after'",
                "after=2026-02-30 'after'",
                "after=2026-11-22T25:00 'after'",
                "before=2026-11-22T14:00:00%2B99:00 'before'",
                "before= 'before'",
                "before 'before'",
                "text=%ff 'text'",
                "name=%zz 'name'",
                "name=[a pattern",
                "tag=two%20words tag",
                "vm=a%2Fb name",
                "cursor=abc cursor",
                "q=color%3Dred query",
                "q=vm%3Da&q=vm%3Db 'q'",
                "q=vm%3Da&vmName=b query",
            })
    void parametersOfASearch(String query, String named) throws IOException {
        Answer answer = client.send("GET", "/v1/snapshots?" + query);

        assertProblem(answer, 400, Problem.Code.INVALID);
        assertThat(answer.text("what")).contains(named);
    }

    @Test
    void operationIds() throws IOException {
        assertProblem(
                client.send("POST", SNAPSHOTS, "{}", Map.of("Operation-Id", "1-2-3-4-5")), 400, Problem.Code.INVALID);
        assertProblem(client.send("GET", "/v1/operations/nonsense"), 400, Problem.Code.INVALID);

        Answer taken = take("{}");
        Map<String, String> used = Map.of("Operation-Id", taken.headers().get("operation-id"));
        assertProblem(client.send("POST", "/v1/vms/web01/undo", "{}", used), 400, Problem.Code.INVALID);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GARBAGE\r\n\r\n",
                "GET /v1/health HTTP/1.1\r\n\r\n",
                "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /v1/health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
            })
    void requestsThatAreNotHttp(String request) throws IOException {
        String answer = exchange(request);

        assertThat(answer).startsWith("HTTP/1.1 400 ").contains("application/problem+json");
        assertThat(answer).contains("\"code\":\"INVALID\"").doesNotContain("<html");
    }

    private static String exchange(String request) throws IOException {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(bench.socket()));
            channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.ISO_8859_1)));
            channel.shutdownOutput();
            return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void nothingListensOnTheNetwork() {
        String own = "pid=" + ProcessHandle.current().pid() + ",";
        assertThat(Commands.run("ss", "-lntup")).doesNotContain(own);
    }
}
