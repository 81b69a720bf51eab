package org.flatsnap.server;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.flatsnap.engine.Finding;
import org.flatsnap.engine.Finding.Level;
import org.flatsnap.model.Problem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * HTTPS on the network: TLS 1.2 and 1.3, with a certificate that is read anew when its files change. A new one that is faulty is
 * logged and told by the doctor, and the old one stays in use. Safe for use by several threads.
 */
final class NetworkDoor implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NetworkDoor.class);
    private static final int LOOK_AGAIN_SECONDS = 10;
    private static final Duration SOON = Duration.ofDays(14);
    /** Fewer than the server has threads (250), so that callers of this host get one whatever the network does. */
    private static final int MOST_CONNECTIONS = 150;

    private static final Duration IDLE = Duration.ofSeconds(30);
    private static final Duration FIRST_REQUEST = Duration.ofSeconds(15);

    private final Network network;
    private final Clock clock;
    // Never leaves this process.
    private final String password = UUID.randomUUID().toString();
    private final SslContextFactory.Server tls = new SslContextFactory.Server();
    private final ScheduledExecutorService looking = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "flatsnap-certificate");
        thread.setDaemon(true);
        return thread;
    });
    private volatile Certificates used;
    private volatile String fault = "";
    private volatile ServerConnector connector;

    /** A {@link Problem} (INVALID) says what is wrong with certificate or key. An expired one is no such fault. */
    NetworkDoor(Network network, Clock clock) {
        this.network = network;
        this.clock = clock;
        tls.setIncludeProtocols("TLSv1.3", "TLSv1.2");
        tls.setRenegotiationAllowed(false);
        tls.setKeyStorePassword(password);
        use(Certificates.read(network));
        looking.scheduleWithFixedDelay(this::reload, LOOK_AGAIN_SECONDS, LOOK_AGAIN_SECONDS, TimeUnit.SECONDS);
    }

    private void use(Certificates certificates) {
        tls.setKeyStore(certificates.keyStore(password));
        used = certificates;
    }

    ServerConnector connector(Server server, HttpConfiguration http) {
        HttpConnectionFactory plain = new HttpConnectionFactory(new HttpConfiguration(http));
        connector = new ServerConnector(
                server, 1, 1, new SslConnectionFactory(tls, HttpVersion.HTTP_1_1.asString()), plain);
        connector.setHost(network.host());
        connector.setPort(network.port());
        connector.setIdleTimeout(IDLE.toMillis());
        connector.addBean(new FirstRequest(connector, FIRST_REQUEST));
        server.addBean(new NetworkConnectionLimit(MOST_CONNECTIONS, connector));
        return connector;
    }

    /** Uses the files as they are now. Reading them is surer than their times where a link is turned to other files. */
    void reload() {
        try {
            Certificates present = Certificates.read(network);
            if (!present.equals(used)) {
                tls.reload(factory -> use(present));
                LOG.info("{} uses a new certificate, which expires on {}", this, expiry());
            }
            fault = "";
        } catch (Exception e) {
            if (!fault.equals(e.getMessage())) {
                LOG.error("{} goes on with its old certificate: {}", this, e.getMessage());
            }
            fault = String.valueOf(e.getMessage());
        }
    }

    private Instant expiry() {
        return used.chain().get(0).getNotAfter().toInstant();
    }

    /** The port, once it is open. */
    int port() {
        return connector.getLocalPort();
    }

    /** Why it could not be opened. */
    Problem closed(Exception cause) {
        return new Problem(
                Problem.Code.UNAVAILABLE,
                "cannot listen at " + network,
                String.valueOf(cause.getMessage()),
                "Free that address and port, or set another 'listen' in [network]",
                cause);
    }

    boolean isOpen() {
        return connector != null && connector.isOpen();
    }

    Finding finding() {
        String subject = "network " + network;
        if (!fault.isEmpty()) {
            return new Finding(
                    Level.FAILURE,
                    subject,
                    "the certificate cannot be renewed: " + fault,
                    "Mend the files; they are looked at again every few seconds");
        }
        Instant expiry = expiry();
        Instant now = clock.instant();
        if (!now.isBefore(expiry)) {
            return new Finding(Level.FAILURE, subject, "the certificate has expired on " + expiry, "Renew it");
        }
        if (!now.isBefore(expiry.minus(SOON))) {
            return new Finding(Level.WARNING, subject, "the certificate expires on " + expiry, "Renew it");
        }
        return Finding.ok(subject, "TLS, certificate until " + expiry);
    }

    /** Ends looking at the files; the server closes the connector. */
    @Override
    public void close() {
        looking.shutdownNow();
    }

    @Override
    public String toString() {
        return network.toString();
    }
}
