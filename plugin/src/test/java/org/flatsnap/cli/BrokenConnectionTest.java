package org.flatsnap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Daemons that go away in the middle, and things that are no daemon. */
@Timeout(60)
class BrokenConnectionTest {
    private static final String OPERATION = "123e4567-e89b-12d3-a456-426614174000";

    @TempDir
    private Path directory;

    /** Runs a command against something that reads a request and answers with this text, then hangs up. */
    private Run against(String answer, String... arguments) throws IOException {
        Path socket = directory.resolve("s");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(socket));
            CompletableFuture<Void> serving = CompletableFuture.runAsync(() -> {
                try (SocketChannel channel = server.accept()) {
                    channel.read(ByteBuffer.allocate(1 << 16));
                    channel.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            Run run = Run.of(socket, arguments);
            serving.join();
            return run;
        }
    }

    @Test
    void aLostAnswerToAChangeSaysHowToRepeatIt() throws IOException {
        Run run = against("", "take", "web01", "--operation", OPERATION);

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err())
                .startsWith("flatsnap: cannot tell whether it was done")
                .contains("--operation " + OPERATION);
    }

    @Test
    void anAnswerThatIsCutOffIsALostAnswer() throws IOException {
        Run run = against(
                "HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n{\"id\":",
                "take",
                "web01",
                "--operation",
                OPERATION);

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("--operation " + OPERATION);
    }

    @Test
    void aLostAnswerToAQuestionIsAskedForAgain() throws IOException {
        Run run = against("", "list");

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).startsWith("flatsnap: got no answer").doesNotContain("--operation");
    }

    @Test
    void anotherServerIsRecognised() throws IOException {
        for (String answer : new String[] {
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "SSH-2.0-OpenSSH_9.2\r\n"
        }) {
            Run run = against(answer, "list");
            assertThat(run.exitCode()).describedAs(answer).isEqualTo(1);
            assertThat(run.err()).startsWith("flatsnap: ").doesNotContain("Exception");
            Files.delete(directory.resolve("s"));
        }
    }

    @Test
    void whatADaemonSaysCannotSteerTheTerminal() throws IOException {
        String body = "{\"what\":\"a\\u001b[2J\",\"why\":\"b\\u009b\",\"remedy\":\"c\\u202e\"}";
        Run run = against("HTTP/1.1 500 X\r\nContent-Length: " + body.length() + "\r\n\r\n" + body, "list");

        assertThat(run.err()).isEqualToNormalizingNewlines("flatsnap: a\\u001b[2J: b\\u009b. c\\u202e.\n");
    }
}
