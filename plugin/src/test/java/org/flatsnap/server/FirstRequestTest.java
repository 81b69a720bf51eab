package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Clients that keep a connection open without asking for anything. */
@Timeout(60)
class FirstRequestTest {
    private final Server server = new Server();
    private final ServerConnector connector = new ServerConnector(server, 1, 1);

    @BeforeEach
    void start() throws Exception {
        connector.addBean(new FirstRequest(connector, Duration.ofMillis(500)));
        server.addConnector(connector);
        server.setHandler(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                Content.Sink.write(response, true, "answer", callback);
                return true;
            }
        });
        server.start();
    }

    @AfterEach
    void stop() throws Exception {
        server.stop();
    }

    private Socket connect() throws IOException {
        return new Socket(InetAddress.getLoopbackAddress(), connector.getLocalPort());
    }

    @Test
    void aClientThatSendsAByteNowAndThenIsCutOff() throws IOException, InterruptedException {
        try (Socket socket = connect()) {
            socket.setSoTimeout(100);
            socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: x\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(cutOff(socket)).isTrue();
        }
    }

    /** Sends a byte ten times a second until the other end hangs up. */
    private static boolean cutOff(Socket socket) throws IOException {
        OutputStream out = socket.getOutputStream();
        for (int i = 0; i < 300; i++) {
            try {
                out.write('X');
                if (socket.getInputStream().read() < 0) {
                    return true;
                }
            } catch (java.net.SocketTimeoutException e) {
                continue;
            } catch (java.net.SocketException e) {
                return true;
            }
        }
        return false;
    }

    @Test
    void aClientThatHasAskedMayKeepItsConnection() throws IOException, InterruptedException {
        try (Socket socket = connect();
                Socket silent = connect()) {
            ask(socket);
            // Once the silent one is cut off, the time of the other is over too.
            assertThat(silent.getInputStream().read()).isNegative();
            ask(socket);
        }
    }

    private static void ask(Socket socket) throws IOException {
        socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        StringBuilder answer = new StringBuilder();
        while (!answer.toString().endsWith("answer")) {
            int read = socket.getInputStream().read();
            assertThat(read).describedAs("%s", answer).isNotNegative();
            answer.append((char) read);
        }
    }
}
