package org.flatsnap.server;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.flatsnap.server.ApiClient.Answer;

/** Another user of this host, as a process of its own that speaks to the socket. */
record Peer(String user, String group, Path socket) {
    // Perl is part of every Debian, and starts faster than anything that knows HTTP.
    private static final String PROGRAM = "use strict; use warnings;"
            + " my ($socket, $method, $path, $body) = @ARGV;"
            + " my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $socket) or die \"connect: $!\\n\";"
            + " print $s \"$method $path HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\""
            + " . \"Content-Length: \" . length($body) . \"\\r\\n\\r\\n$body\"; print while <$s>;";

    Answer send(String method, String path) throws IOException {
        return send(method, path, "");
    }

    Answer send(String method, String path, String body) throws IOException {
        Process process = new ProcessBuilder(List.of(
                        "setpriv",
                        "--reuid=" + user,
                        "--regid=" + group,
                        "--clear-groups",
                        "perl",
                        "-MIO::Socket::UNIX",
                        "-e",
                        PROGRAM,
                        socket.toString(),
                        method,
                        path,
                        body))
                .redirectErrorStream(true)
                .start();
        String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int end = answer.indexOf("\r\n\r\n");
        if (!answer.startsWith("HTTP/1.1 ") || end < 0) {
            throw new IOException(answer);
        }
        Map<String, String> headers = new LinkedHashMap<>();
        answer.substring(0, end).lines().skip(1).forEach(line -> {
            String[] parts = line.split(": ", 2);
            headers.put(parts[0].toLowerCase(Locale.ROOT), parts[1]);
        });
        String text = answer.substring(end + 4);
        return new Answer(
                Integer.parseInt(answer.substring(9, 12)),
                headers,
                JsonParser.parseString(text.isEmpty() ? "null" : text));
    }
}
