package org.flatsnap.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.DefaultBHttpClientConnection;

/** The daemon of this host, by its unix socket; the kernel tells it who asks. */
record SocketAddress(Path socket) implements DaemonAddress {
    @Override
    public HttpHost host() {
        return new HttpHost("localhost");
    }

    @Override
    public DefaultBHttpClientConnection connect() throws IOException {
        DefaultBHttpClientConnection connection = new DefaultBHttpClientConnection(Http1Config.DEFAULT);
        try {
            connection.bind(new ChannelSocket(socket));
            return connection;
        } catch (IOException e) {
            String remedy = String.valueOf(e.getMessage()).contains("denied")
                    ? "Run it as root (sudo), or have an administrator let you in (socket-group and [[access]])"
                    : "Start it: systemctl start flatsnapd";
            throw Failure.unreachable(this, e, remedy);
        }
    }

    @Override
    public void introduce(ClassicHttpRequest request) {
        // The kernel has done it.
    }

    @Override
    public String toString() {
        return socket.toString();
    }
}
