package org.flatsnap.server;

import static java.util.Objects.requireNonNull;

import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.util.JavalinException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.flatsnap.access.AuditLog;
import org.flatsnap.access.Tokens;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Finding;
import org.flatsnap.engine.Finding.Level;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.query.Moments;
import org.flatsnap.query.QueryLanguage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The API: HTTP with JSON on a unix socket and, where that is configured, with TLS on the network. {@code Api} lists its paths.
 *
 * <p>The socket belongs to the daemon's user and the configured group and has mode 0660. Who has connected is known from the
 * kernel: root and the daemon's user may do everything, others what the configuration grants them. The network never lets
 * anybody in without a token. {@code Gate} decides all that, {@code Action} says what each path takes. Each request has a
 * thread of its own, so a long one holds up no other. Every error is a problem document (RFC 9457) with the fields of
 * {@link Problem}.
 */
public final class ApiServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ApiServer.class);
    // Shorter than the 90 seconds that the unit gives the daemon to end.
    private static final Duration FAREWELL = Duration.ofSeconds(60);

    private final Engine engine;
    private final Doors doors;
    private final Supplier<List<Finding>> moreFindings;
    private final Api api;
    private final Gate gate;
    private final AuditLog audit;
    private final SocketFile socket;
    private final Optional<NetworkDoor> network;
    private final Javalin javalin;

    /**
     * Opens no door before {@link #start}.
     *
     * @param doors where to answer, and whom
     * @param state the directory for tokens and audit log
     * @param clock its zone is where a date without one is meant
     * @param moreFindings what the doctor is to tell beyond what the engine examines
     * @param shown where images can be read that have no file on storage
     * @throws Problem if tokens, audit log, certificate or key cannot be used
     */
    public ApiServer(
            Engine engine,
            Catalog catalog,
            Doors doors,
            Path state,
            Clock clock,
            Supplier<List<Finding>> moreFindings,
            ShownImages shown) {
        this.engine = engine;
        this.doors = doors;
        this.moreFindings = requireNonNull(moreFindings);
        this.network = doors.network().map(place -> new NetworkDoor(place, clock));
        Tokens tokens = Tokens.open(state.resolve(Tokens.FILE));
        this.audit = AuditLog.open(state.resolve("audit"), clock);
        this.gate = new Gate(engine, catalog, doors.rules(), tokens, audit, clock);
        SnapshotSearch search = new SnapshotSearch(engine, new QueryLanguage(new Moments(clock)));
        this.api = new Api(engine, catalog, gate, search, new TokenPaths(tokens, clock), audit, this::findings, shown);
        this.socket = new SocketFile(doors.socket(), doors.socketGroup());
        this.javalin = Javalin.create(this::configure);
    }

    /** The same where no images are shown. */
    public ApiServer(
            Engine engine,
            Catalog catalog,
            Doors doors,
            Path state,
            Clock clock,
            Supplier<List<Finding>> moreFindings) {
        this(engine, catalog, doors, state, clock, moreFindings, (snapshot, disk) -> Optional.empty());
    }

    private List<Finding> findings() {
        List<Finding> findings = new ArrayList<>(engine.examine());
        findings.addAll(moreFindings.get());
        network.ifPresent(door -> findings.add(door.finding()));
        doors.rules().stream()
                .filter(rule -> !rule.isKnown())
                .forEach(rule -> findings.add(new Finding(
                        Level.WARNING,
                        "access",
                        "this host knows no " + rule,
                        "Correct [[access]] in /etc/flatsnap/flatsnap.toml, or make that " + rule)));
        return findings;
    }

    private void configure(JavalinConfig config) {
        config.startup.showJavalinBanner = false;
        config.startup.showOldJavalinVersionWarning = false;
        config.startup.startupWatcherEnabled = false;
        config.http.compressionStrategy = CompressionStrategy.NONE;
        config.http.prefer405over404 = true;
        config.router.ignoreTrailingSlashes = false;
        config.jsonMapper(new GsonMapper());
        config.jetty.addConnector(this::connector);
        network.ifPresent(door -> config.jetty.addConnector(door::connector));
        config.jetty.modifyServer(server -> {
            server.setStopTimeout(FAREWELL.toMillis());
            server.insertHandler(new GracefulHandler());
            server.setErrorHandler(Errors::answerUnrouted);
        });
        config.jetty.modifyServletContextHandler(context -> context.setErrorHandler(Errors::answerUnrouted));
        config.requestLogger.http((context, millis) -> {
            if (Api.changes(context)) {
                // The path is percent-encoded: nothing in it can forge a line of the log.
                LOG.info(
                        "{} {} {}: {} in {} ms",
                        Gate.asker(context),
                        context.method(),
                        context.path(),
                        context.statusCode(),
                        millis.longValue());
            }
        });
        Errors.register(config);
        gate.register(config.routes);
        api.register(config.routes);
    }

    private UnixDomainServerConnector connector(Server server, HttpConfiguration http) {
        UnixDomainServerConnector connector =
                new UnixDomainServerConnector(server, 1, 1, new HttpConnectionFactory(http));
        connector.setUnixDomainPath(socket.hidden());
        return connector;
    }

    /**
     * Answers from now on.
     *
     * @throws Problem BUSY if another daemon answers on the socket, REFUSED if something else stands in its place,
     *     UNAVAILABLE if it cannot be made
     */
    public void start() {
        try {
            socket.prepare();
            javalin.start();
            socket.publish();
        } catch (IOException | JavalinException e) {
            if (network.isPresent() && !network.get().isOpen() && e.getCause() instanceof IOException failed) {
                throw network.get().closed(failed);
            }
            throw new Problem(
                    Code.UNAVAILABLE,
                    "cannot make the socket " + socket,
                    String.valueOf(e.getMessage()),
                    "Check that its directory can be written to, and that its path is shorter than 80 bytes",
                    e);
        }
    }

    /** The port on the network, once {@link #start} has returned. */
    int port() {
        return network.orElseThrow().port();
    }

    /** Takes the certificate's files as they are now, as it does by itself every few seconds. */
    void reloadCertificate() {
        network.orElseThrow().reload();
    }

    /** What answers: its routes and connectors. */
    Javalin javalin() {
        return javalin;
    }

    /** Takes no more requests, waits for those under way, and removes the socket. */
    @Override
    public void close() {
        try {
            javalin.stop();
        } finally {
            socket.remove();
            network.ifPresent(NetworkDoor::close);
            audit.close();
        }
    }
}
