package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.nio.file.Path;

/** The command line's client without its commands. Safe for use by several threads. */
public final class SocketClient {
    private final DaemonClient client;

    /** Of the daemon at this socket. */
    public SocketClient(Path socket) {
        this.client = new DaemonClient(new SocketAddress(socket));
    }

    /** What the daemon answers to a path with its query, over a connection of its own. */
    public JsonObject get(String path) {
        return client.get(path);
    }

    /** Text as a part of a path or query. */
    public static String encoded(String text) {
        return DaemonClient.encoded(text);
    }
}
