package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManagerFactory;
import org.eclipse.jetty.server.AbstractConnector;
import org.eclipse.jetty.server.Connector;
import org.flatsnap.cli.Run;
import org.flatsnap.model.VmState;
import org.flatsnap.server.ApiClient.Answer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** The API over TLS, with a certificate made here, and the command line that speaks to it. */
@Timeout(120)
class NetworkTest {
    @TempDir
    private Path directory;

    private TestCertificate certificate;
    private ApiBench bench;

    @BeforeEach
    void open() throws IOException {
        certificate = TestCertificate.make(directory, "server");
        bench = new ApiBench(
                Optional.empty(),
                List.of(),
                Optional.of(new Network("127.0.0.1", 0, certificate.certificate(), certificate.key())));
        bench.vm("web1", "vda");
        bench.vm("db1", "vda");
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private String token(String name, String role, String vms) throws IOException {
        Answer made = bench.client()
                .send(
                        "POST",
                        "/v1/tokens",
                        "{\"name\":\"" + name + "\",\"role\":\"" + role + "\",\"vms\":[\"" + vms
                                + "\"],\"expires\":\"30d\"}");
        assertThat(made.status()).describedAs("%s", made).isEqualTo(201);
        assertThat(made.headers()).containsEntry("cache-control", "no-store");
        return made.text("secret");
    }

    private Path tokenFile(String secret) throws IOException {
        Path file = Files.writeString(directory.resolve("token"), secret + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return file;
    }

    private String server() {
        return "https://localhost:" + bench.server().port();
    }

    private Run flatsnap(Path tokenFile, String... arguments) {
        return Run.of(
                Path.of("/nowhere"),
                Stream.concat(
                                Stream.of(arguments),
                                Stream.of(
                                        "--server=" + server(),
                                        "--token-file=" + tokenFile,
                                        "--ca-file=" + certificate.certificate()))
                        .toArray(String[]::new));
    }

    private static SSLContext trusting(Path authority) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream in = Files.newInputStream(authority)) {
            store.setCertificateEntry(
                    "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    private HttpClient client() throws Exception {
        return HttpClient.newBuilder()
                .sslContext(trusting(certificate.certificate()))
                .version(HttpClient.Version.HTTP_1_1)
                .build();
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(server() + path));
    }

    private static JsonElement json(HttpResponse<String> answer) {
        return JsonParser.parseString(answer.body());
    }

    @Test
    void theCommandLineWorksOverTheNetworkWithinTheTokensRights() throws Exception {
        Path operator = tokenFile(token("ci", "operator", "web*"));

        Run taken = flatsnap(operator, "take", "web1", "s1");
        assertThat(taken.exitCode()).describedAs("%s", taken).isZero();
        assertThat(taken.out()).startsWith("took snapshot s1 of web1");
        assertThat(flatsnap(operator, "vms").out()).contains("web1").doesNotContain("db1");
        Run refused = flatsnap(operator, "delete", "web1", "s1");
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.err())
                .contains("may not delete on web1: it takes the role admin on web1, and token:ci has the role operator")
                .contains("flatsnap token create");
        assertThat(flatsnap(operator, "take", "db1").err()).contains("unknown VM 'db1'");
        assertThat(flatsnap(operator, "token", "list").err()).contains("admin on all VMs");

        // The audit log knows all that, and who it was.
        Run audit = Run.of(bench.socket(), "audit", "--who", "token:ci");
        assertThat(audit.outLines().get(0)).startsWith("TIME");
        assertThat(audit.outLines().stream().skip(1).map(line -> line.replaceAll(" +", " ")
                        .substring(20)))
                .containsExactly(
                        "token:ci 127.0.0.1 list-tokens FORBIDDEN",
                        "token:ci 127.0.0.1 take db1 FORBIDDEN",
                        "token:ci 127.0.0.1 delete web1 s1 FORBIDDEN",
                        "token:ci 127.0.0.1 take web1 s1 ok");
    }

    @Test
    void nobodyGetsInWithoutATokenThatHolds() throws Exception {
        String secret = token("ci", "admin", "*");
        HttpClient client = client();
        HttpRequest good =
                request("/v1/vms").header("Authorization", "Bearer " + secret).build();
        assertThat(client.send(good, BodyHandlers.ofString()).statusCode()).isEqualTo(200);

        bench.advance(Duration.ofDays(31));
        assertThat(client.send(good, BodyHandlers.ofString()).body()).contains("the token has expired");
        bench.advance(Duration.ofDays(-31));
        assertThat(client.send(good, BodyHandlers.ofString()).statusCode()).isEqualTo(200);
        for (String path : List.of("/v1/health", "/v1/vms", "/v1/nonsense", "/", "/v1/tokens")) {
            for (String authorization : List.of("", "Bearer ", "Bearer " + secret + "x", "Basic cm9vdDo=", secret)) {
                HttpResponse<String> answer = client.send(
                        authorization.isEmpty()
                                ? request(path).build()
                                : request(path)
                                        .header("Authorization", authorization)
                                        .build(),
                        BodyHandlers.ofString());
                // 25 failures: from the 21st on they come too often.
                assertThat(answer.statusCode()).isIn(401, 429);
                assertThat(answer.headers().firstValue("content-type").orElseThrow())
                        .startsWith("application/problem+json");
                if (answer.statusCode() == 401) {
                    assertThat(answer.headers().firstValue("www-authenticate")).contains("Bearer");
                }
            }
        }
        assertThat(client.send(good, BodyHandlers.ofString()).statusCode()).isEqualTo(200);

        assertThat(bench.client().send("DELETE", "/v1/tokens/ci").status()).isEqualTo(200);
        assertThat(client.send(good, BodyHandlers.ofString()).statusCode()).isIn(401, 429);
    }

    @Test
    void manyFailedAuthenticationsAreSlowedDownAndWhoHasATokenIsNot() throws Exception {
        String secret = token("ci", "viewer", "*");
        HttpClient client = client();
        HttpResponse<String> answer = null;
        for (int i = 0; i < 40; i++) {
            answer = client.send(
                    request("/v1/vms")
                            .header("Authorization", "Bearer guess" + i)
                            .build(),
                    BodyHandlers.ofString());
        }

        assertThat(answer.statusCode()).isEqualTo(429);
        assertThat(Integer.parseInt(answer.headers().firstValue("retry-after").orElseThrow()))
                .isBetween(1, 60);
        assertThat(answer.headers().firstValue("content-type").orElseThrow()).startsWith("application/problem+json");
        assertThat(json(answer).getAsJsonObject().get("code").getAsString()).isEqualTo("TOO_OFTEN");
        HttpRequest good =
                request("/v1/vms").header("Authorization", "Bearer " + secret).build();
        assertThat(client.send(good, BodyHandlers.ofString()).statusCode()).isEqualTo(200);
        // The log has one line of each kind for now, not forty.
        Answer audit = bench.client().send("GET", "/v1/audit?who=[?]");
        assertThat(audit.object().getAsJsonArray("entries")).hasSize(2);
    }

    @Test
    void aCallerThatAsksWithoutPauseIsSlowedDownAndRootIsNot() throws Exception {
        HttpRequest request = request("/v1/health")
                .header("Authorization", "Bearer " + token("ci", "viewer", "*"))
                .build();
        HttpClient client = client();
        HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
        for (int i = 0; i < 5000 && answer.statusCode() == 200; i++) {
            assertThat(i).isLessThan(5000);
            answer = client.send(request, BodyHandlers.ofString());
        }

        assertThat(answer.statusCode()).isEqualTo(429);
        assertThat(answer.headers().firstValue("retry-after")).contains("1");
        for (int i = 0; i < 300; i++) {
            assertThat(bench.client().send("GET", "/v1/health").status()).isEqualTo(200);
        }
    }

    @Test
    void aRequestThatTakesLongerThanAConnectionMayBeIdleIsAnswered() throws Exception {
        for (Connector connector :
                bench.server().javalin().jettyServer().server().getConnectors()) {
            ((AbstractConnector) connector).setIdleTimeout(500);
        }
        bench.vm("slow", VmState.RUNNING, "vda");
        bench.client().send("POST", "/v1/vms/slow/snapshots", "{\"name\":\"s1\"}");
        CountDownLatch gate = new CountDownLatch(1);
        bench.manager().holdStopsUntil(gate);
        CompletableFuture<HttpResponse<String>> rollback = client().sendAsync(
                        request("/v1/vms/slow/snapshots/s1/rollback")
                                .header("Authorization", "Bearer " + token("ci", "operator", "*"))
                                .POST(BodyPublishers.ofString("{\"stop\":true}"))
                                .build(),
                        BodyHandlers.ofString());
        while (bench.client()
                .send("GET", "/v1/health")
                .object()
                .getAsJsonArray("underWay")
                .isEmpty()) {
            assertThat(rollback).isNotDone();
        }

        // What is opened now is idle for shorter, so once this one is cut off the other's time is over too.
        try (Socket idle = new Socket("localhost", bench.server().port())) {
            assertThat(idle.getInputStream().read()).isNegative();
        }
        gate.countDown();

        assertThat(rollback.get(60, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
    }

    @Test
    void theSocketTakesNoTokens() throws IOException {
        // Who asks is what the kernel says, whatever the request says.
        Answer answer = bench.client().send("GET", "/v1/tokens", null, Map.of("Authorization", "Bearer nonsense"));

        assertThat(answer.status()).isEqualTo(200);
    }

    @Test
    void tokensAreMadeOnTheHostOnly() throws Exception {
        HttpResponse<String> answer = client().send(
                        request("/v1/tokens")
                                .header("Authorization", "Bearer " + token("boss", "admin", "*"))
                                .POST(BodyPublishers.ofString("{\"name\":\"more\",\"role\":\"admin\"}"))
                                .build(),
                        BodyHandlers.ofString());

        assertThat(answer.statusCode()).isEqualTo(403);
        assertThat(answer.body()).contains("on the host itself");
    }

    @Test
    void whatIsNotTlsIsNotAnswered() throws IOException {
        try (Socket socket = new Socket("localhost", bench.server().port())) {
            socket.getOutputStream()
                    .write("GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1))
                    .doesNotContain("HTTP");
        }
    }

    @Test
    void theCommandLineChecksWhoAnswersAndHowItsTokenIsKept() throws Exception {
        Path token = tokenFile(token("ci", "viewer", "*"));
        TestCertificate stranger = TestCertificate.make(directory, "stranger");

        Run untrusted = Run.of(
                Path.of("/nowhere"),
                "vms",
                "--server=" + server(),
                "--token-file=" + token,
                "--ca-file=" + stranger.certificate());
        assertThat(untrusted.exitCode()).isEqualTo(3);
        assertThat(untrusted.err()).contains("cannot reach flatsnapd at " + server(), "--ca-file");
        Run misnamed = Run.of(
                Path.of("/nowhere"),
                "vms",
                "--server=" + server().replace("localhost", "127.0.0.1"),
                "--token-file=" + token,
                "--ca-file=" + certificate.certificate());
        assertThat(misnamed.exitCode()).isEqualTo(3);
        assertThat(misnamed.err()).contains("127.0.0.1").contains("as its certificate does");

        Files.setPosixFilePermissions(token, PosixFilePermissions.fromString("rw-r--r--"));
        assertThat(flatsnap(token, "vms").err()).contains("everybody on this host can read it", "chmod 600");
        assertThat(flatsnap(directory.resolve("absent"), "vms").err()).contains("cannot read the token in");
        Files.setPosixFilePermissions(token, PosixFilePermissions.fromString("rw-------"));
        assertThat(flatsnap(token, "vms").exitCode()).isZero();
        for (String server : List.of("http://localhost:1", "localhost:1", "https://a@b", "https://host/path")) {
            assertThat(Run.of(Path.of("/nowhere"), "vms", "--server=" + server, "--token-file=" + token)
                            .err())
                    .contains("it is not https://host:port");
        }
        assertThat(Run.of(Path.of("/nowhere"), "vms", "--server=" + server()).err())
                .contains("--token-file or FLATSNAP_TOKEN_FILE");
    }

    @Test
    void aRenewedCertificateIsUsedAndAFaultyOneIsNot() throws Exception {
        Path token = tokenFile(token("ci", "viewer", "*"));
        HttpClient old = client();
        HttpRequest request = request("/v1/health")
                .header("Authorization", "Bearer " + Files.readString(token).strip())
                .build();
        assertThat(old.send(request, BodyHandlers.ofString()).statusCode()).isEqualTo(200);

        String former = Files.readString(certificate.key());
        Files.writeString(certificate.key(), "half a fi");
        bench.server().reloadCertificate();
        assertThat(flatsnap(token, "vms").exitCode()).isZero();
        Answer doctor = bench.client().send("GET", "/v1/doctor");
        assertThat(doctor.json().toString()).contains("the certificate cannot be renewed: ", "it holds no private key");
        Files.writeString(certificate.key(), former);

        certificate.replaceBy(TestCertificate.make(directory, "renewed", "-newkey", "rsa:2048"));
        bench.server().reloadCertificate();
        assertThat(flatsnap(token, "vms").exitCode()).isZero();
        assertThat(client().send(request, BodyHandlers.ofString()).statusCode()).isEqualTo(200);
        HttpClient distrusting = HttpClient.newBuilder()
                .sslContext(trusting(TestCertificate.make(directory, "old").certificate()))
                .build();
        assertThatThrownBy(() -> distrusting.send(request, BodyHandlers.ofString()))
                .isInstanceOf(SSLHandshakeException.class);
        assertThat(bench.client().send("GET", "/v1/doctor").json().toString())
                .contains("TLS, certificate until")
                .doesNotContain("cannot be renewed");

        bench.advance(Duration.ofDays(20));
        assertThat(bench.client().send("GET", "/v1/doctor").json().toString()).contains("the certificate expires on");
        bench.advance(Duration.ofDays(20));
        assertThat(bench.client().send("GET", "/v1/doctor").json().toString())
                .contains("the certificate has expired on");
    }

    @Test
    void aPortThatIsTakenIsNamed() throws IOException {
        Network taken = new Network("127.0.0.1", bench.server().port(), certificate.certificate(), certificate.key());

        assertThatThrownBy(() -> new ApiBench(Optional.empty(), List.of(), Optional.of(taken)))
                .hasMessageContaining("cannot listen at " + taken)
                .hasMessageContaining("set another 'listen'");
    }

    @Test
    void aSecretIsToldOnceAndStandsNowhere() throws Exception {
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        ch.qos.logback.classic.Logger every =
                (ch.qos.logback.classic.Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        every.addAppender(log);
        try {
            Run made = Run.of(bench.socket(), "token", "create", "ci", "--role", "admin", "--expires", "12h");
            assertThat(made.exitCode()).describedAs("%s", made).isZero();
            String secret = made.out().strip();
            assertThat(secret).matches("fst_[A-Za-z0-9_-]{43}");
            assertThat(made.err()).startsWith("note: token ci ends on ");
            Path file = tokenFile(secret);
            assertThat(flatsnap(file, "take", "web1", "s1").exitCode()).isZero();
            assertThat(flatsnap(file, "delete", "web1", "absent").exitCode()).isEqualTo(1);
            String process = argumentsAndEnvironment(file);
            assertThat(process).contains("--token-file");

            String everything = flatsnap(file, "token", "list", "--json").out()
                    + flatsnap(file, "token", "list").out()
                    + flatsnap(file, "audit", "--json").out()
                    + flatsnap(file, "doctor").out()
                    + process
                    + log.list;
            try (Stream<Path> files = Files.walk(bench.state())) {
                for (Path kept : files.filter(Files::isRegularFile).toList()) {
                    everything += Files.readString(kept, StandardCharsets.ISO_8859_1);
                }
            }
            assertThat(everything).contains("token:ci").doesNotContain(secret.substring(4));
            assertThat(log.list)
                    .extracting(ILoggingEvent::getFormattedMessage)
                    .anyMatch(line -> line.startsWith("token:ci POST /v1/vms/web1/snapshots: 201"));
        } finally {
            every.detachAppender(log);
        }
    }

    /** What ps(1) can show of the command line while it works. */
    private String argumentsAndEnvironment(Path tokenFile) throws Exception {
        bench.vm("slow", VmState.RUNNING, "vda");
        bench.client().send("POST", "/v1/vms/slow/snapshots", "{\"name\":\"s1\"}");
        CountDownLatch gate = new CountDownLatch(1);
        bench.manager().holdStopsUntil(gate);
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "org.flatsnap.cli.Flatsnap",
                        "rollback",
                        "slow",
                        "s1",
                        "--stop",
                        "--server=" + server(),
                        "--token-file=" + tokenFile,
                        "--ca-file=" + certificate.certificate())
                .redirectErrorStream(true)
                .start();
        while (bench.client()
                .send("GET", "/v1/health")
                .object()
                .getAsJsonArray("underWay")
                .isEmpty()) {
            assertThat(process.isAlive()).isTrue();
        }
        Path kernel = Path.of("/proc", Long.toString(process.pid()));
        String shown = Files.readString(kernel.resolve("cmdline")) + Files.readString(kernel.resolve("environ"));
        gate.countDown();
        assertThat(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .contains("slow");
        assertThat(process.waitFor()).isZero();
        return shown;
    }
}
