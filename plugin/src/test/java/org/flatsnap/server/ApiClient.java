package org.flatsnap.server;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.ParseException;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.DefaultBHttpClientConnection;
import org.apache.hc.core5.http.impl.io.HttpRequestExecutor;
import org.apache.hc.core5.http.io.entity.EntityUtils;
import org.apache.hc.core5.http.io.entity.StringEntity;
import org.apache.hc.core5.http.io.support.ClassicRequestBuilder;
import org.apache.hc.core5.http.message.BasicHeader;
import org.apache.hc.core5.http.protocol.DefaultHttpProcessor;
import org.apache.hc.core5.http.protocol.HttpCoreContext;
import org.apache.hc.core5.http.protocol.HttpProcessor;
import org.apache.hc.core5.http.protocol.RequestContent;
import org.apache.hc.core5.http.protocol.RequestTargetHost;
import org.flatsnap.cli.ChannelSocket;

/** Sends exactly what a test says to a unix socket. */
public final class ApiClient {
    private static final HttpProcessor PROCESSOR =
            new DefaultHttpProcessor(new RequestContent(), new RequestTargetHost());

    private final Path socket;

    /** Connects with each request. */
    public ApiClient(Path socket) {
        this.socket = socket;
    }

    /** What came back; header names are in lower case. */
    public record Answer(int status, Map<String, String> headers, JsonElement json) {
        /** The body, an object. */
        public JsonObject object() {
            return json.getAsJsonObject();
        }

        /** A member of the body. */
        public String text(String key) {
            return object().get(key).getAsString();
        }
    }

    /** Sends a request without a body. */
    public Answer send(String method, String path) throws IOException {
        return send(method, path, null, Map.of());
    }

    /** Sends a body. */
    public Answer send(String method, String path, String body) throws IOException {
        return send(method, path, body, Map.of());
    }

    /** Sends a body and headers. */
    public Answer send(String method, String path, String body, Map<String, String> headers) throws IOException {
        var request = ClassicRequestBuilder.create(method)
                .setHttpHost(new HttpHost("localhost"))
                .setPath(path)
                .build();
        request.setPath(path);
        headers.forEach((name, value) -> request.addHeader(new BasicHeader(name, value)));
        if (body != null) {
            request.setEntity(new StringEntity(body, ContentType.APPLICATION_JSON));
        }
        request.addHeader("Connection", "close");
        // Not the client as a whole: it leaves descriptors open with each request, of which the faults' harness sends
        // too many.
        HttpRequestExecutor executor = new HttpRequestExecutor();
        HttpCoreContext context = HttpCoreContext.create();
        try (DefaultBHttpClientConnection connection = new DefaultBHttpClientConnection(Http1Config.DEFAULT)) {
            connection.bind(new ChannelSocket(socket));
            executor.preProcess(request, PROCESSOR, context);
            try (ClassicHttpResponse response = executor.execute(request, connection, context)) {
                return answer(response);
            }
        } catch (HttpException e) {
            throw new IOException(e);
        }
    }

    private static Answer answer(ClassicHttpResponse response) throws IOException {
        Map<String, String> headers = new LinkedHashMap<>();
        for (Header header : response.getHeaders()) {
            headers.put(header.getName().toLowerCase(Locale.ROOT), header.getValue());
        }
        try {
            String body = response.getEntity() == null
                    ? "null"
                    : EntityUtils.toString(response.getEntity(), StandardCharsets.UTF_8);
            return new Answer(response.getCode(), headers, JsonParser.parseString(body));
        } catch (ParseException e) {
            throw new IOException(e);
        }
    }

    /** A name as one component of a path. */
    public static String encoded(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }
}
