package org.flatsnap.server;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Closes connections that have not sent the head of a request in time. Jetty's own time-out begins anew with each byte, so that
 * a client could hold a connection for ever by sending one now and then.
 */
final class FirstRequest implements Connection.Listener {
    private final ServerConnector connector;
    private final Duration patience;

    FirstRequest(ServerConnector connector, Duration patience) {
        this.connector = connector;
        this.patience = patience;
    }

    @Override
    public void onOpened(Connection connection) {
        // On TLS there are two, and it is the one inside that counts requests.
        if (!(connection instanceof SslConnection)) {
            connector
                    .getScheduler()
                    .schedule(() -> closeIfSilent(connection), patience.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private static void closeIfSilent(Connection connection) {
        if (connection.getMessagesIn() == 0) {
            connection.getEndPoint().close();
        }
    }

    @Override
    public void onClosed(Connection connection) {
        // Its task finds it closed and does nothing.
    }
}
