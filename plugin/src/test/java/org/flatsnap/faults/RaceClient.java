package org.flatsnap.faults;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.io.entity.EntityUtils;
import org.apache.hc.core5.http.io.entity.StringEntity;
import org.apache.hc.core5.http.io.support.ClassicRequestBuilder;
import org.apache.hc.core5.util.Timeout;

/** Many clients of one API; each of them has a connection that it keeps. Never sends anything twice by itself. */
final class RaceClient implements AutoCloseable {
    private final CloseableHttpClient http;

    RaceClient(Path socket, int connections) {
        http = HttpClients.custom()
                .setConnectionManager(PoolingHttpClientConnectionManagerBuilder.create()
                        .setMaxConnTotal(connections)
                        .setMaxConnPerRoute(connections)
                        .setDefaultConnectionConfig(ConnectionConfig.custom()
                                .setSocketTimeout(Timeout.DISABLED)
                                .build())
                        .build())
                .setDefaultRequestConfig(
                        RequestConfig.custom().setUnixDomainSocket(socket).build())
                .disableAutomaticRetries()
                .build();
    }

    /** What came back, with the times around it. */
    record Answer(int status, JsonElement json, long from, long to) {
        boolean ok() {
            return status < 300;
        }

        /** The code of the problem it tells. */
        String code() {
            return json.getAsJsonObject().get("code").getAsString();
        }
    }

    Answer send(String method, String path, String body, Optional<String> operation) throws IOException {
        var request = ClassicRequestBuilder.create(method)
                .setHttpHost(new HttpHost("localhost"))
                .setPath(path)
                .build();
        request.setPath(path);
        operation.ifPresent(id -> request.addHeader("Operation-Id", id));
        if (!body.isEmpty()) {
            request.setEntity(new StringEntity(body, ContentType.APPLICATION_JSON));
        }
        long from = System.nanoTime();
        return http.execute(request, response -> {
            String text = EntityUtils.toString(response.getEntity(), StandardCharsets.UTF_8);
            return new Answer(response.getCode(), JsonParser.parseString(text), from, System.nanoTime());
        });
    }

    @Override
    public void close() throws IOException {
        http.close();
    }
}
