package org.flatsnap.cli;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.impl.io.DefaultBHttpClientConnection;
import org.apache.hc.core5.http.impl.io.HttpRequestExecutor;
import org.apache.hc.core5.http.io.entity.StringEntity;
import org.apache.hc.core5.http.message.BasicClassicHttpRequest;
import org.apache.hc.core5.http.protocol.DefaultHttpProcessor;
import org.apache.hc.core5.http.protocol.HttpCoreContext;
import org.apache.hc.core5.http.protocol.HttpProcessor;
import org.apache.hc.core5.http.protocol.RequestContent;
import org.apache.hc.core5.http.protocol.RequestTargetHost;

/**
 * Sends requests to the daemon, each over a connection of its own. Safe for use by several threads.
 *
 * <p>It is made of the HTTP client's parts, not of the client as a whole: that loads seven hundred classes more, a tenth of a
 * second, for what one request to one place does not need. It also keeps apart whether the connection failed, so that
 * nothing was done, or broke later.
 */
final class DaemonClient {
    private final DaemonAddress daemon;
    private final Gson gson = new Gson();
    private final HttpProcessor processor = new DefaultHttpProcessor(new RequestContent(), new RequestTargetHost());

    DaemonClient(DaemonAddress daemon) {
        this.daemon = daemon;
    }

    /** A path of these parts, percent-encoded. */
    static String path(String... parts) {
        StringBuilder path = new StringBuilder("/v1");
        for (String part : parts) {
            if (part.isEmpty()) {
                throw Failure.emptyName();
            }
            path.append('/').append(encoded(part));
        }
        return path.toString();
    }

    /** A part of a path or a query, percent-encoded. */
    static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /** Asks for something; a {@link Failure} tells why there is no answer. */
    JsonObject get(String path) {
        ClassicHttpRequest request = new BasicClassicHttpRequest("GET", daemon.host(), path);
        try (DefaultBHttpClientConnection connection = daemon.connect()) {
            return exchange(request, connection);
        } catch (IOException | HttpException e) {
            throw Failure.lost(e);
        }
    }

    /** Has something changed; a {@link Failure} tells why it was not, or that this is not known. */
    JsonObject change(String method, String path, Optional<JsonObject> body, UUID operation) {
        ClassicHttpRequest request = new BasicClassicHttpRequest(method, daemon.host(), path);
        request.addHeader("Operation-Id", operation.toString());
        body.ifPresent(
                content -> request.setEntity(new StringEntity(content.toString(), ContentType.APPLICATION_JSON)));
        try (DefaultBHttpClientConnection connection = daemon.connect()) {
            return exchange(request, connection);
        } catch (IOException | HttpException e) {
            throw Failure.lost(e, operation);
        }
    }

    private JsonObject exchange(ClassicHttpRequest request, DefaultBHttpClientConnection connection)
            throws IOException, HttpException {
        request.addHeader("Connection", "close");
        daemon.introduce(request);
        HttpCoreContext context = HttpCoreContext.create();
        HttpRequestExecutor executor = new HttpRequestExecutor();
        executor.preProcess(request, processor, context);
        try (ClassicHttpResponse response = executor.execute(request, connection, context)) {
            String text = response.getEntity() == null
                    ? ""
                    : new String(response.getEntity().getContent().readAllBytes(), StandardCharsets.UTF_8);
            JsonObject answer = parse(text);
            if (response.getCode() >= 400) {
                throw Failure.told(problem(answer));
            }
            return answer;
        }
    }

    /** Reads an answer as {@code type}. */
    <T> T read(JsonObject answer, Class<T> type) {
        try {
            return gson.fromJson(answer, type);
        } catch (JsonParseException e) {
            throw Failure.notFlatsnapd(daemon);
        }
    }

    private JsonObject parse(String text) {
        try {
            if (JsonParser.parseString(text) instanceof JsonObject answer) {
                return answer;
            }
        } catch (JsonParseException e) {
            throw Failure.notFlatsnapd(daemon);
        }
        throw Failure.notFlatsnapd(daemon);
    }

    private JsonObject problem(JsonObject answer) {
        if (answer.keySet().containsAll(List.of("what", "why", "remedy"))) {
            return answer;
        }
        throw Failure.notFlatsnapd(daemon);
    }
}
