package org.flatsnap.server;

import static java.util.Objects.requireNonNull;

import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.util.JavalinException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.function.Supplier;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Finding;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The API: HTTP with JSON on a unix socket, and nowhere else. {@code Api} lists its paths.
 *
 * <p>Whoever may open the socket may do everything; it belongs to the daemon's user and group and has mode 0660. Each request
 * has a thread of its own, so a long one holds up no other. Every error is a problem document (RFC 9457) with the fields of
 * {@link Problem}.
 */
public final class ApiServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ApiServer.class);
    // Shorter than the 90 seconds that the unit gives the daemon to end.
    private static final Duration FAREWELL = Duration.ofSeconds(60);

    private final Api api;
    private final SocketFile socket;
    private final Javalin javalin;

    /**
     * Opens nothing before {@link #start}.
     *
     * @param socket the absolute path of the unix socket
     * @param zone where a date without a zone is meant
     * @param moreFindings what the doctor is to tell beyond what the engine examines
     */
    public ApiServer(Engine engine, Catalog catalog, Path socket, ZoneId zone, Supplier<List<Finding>> moreFindings) {
        this.api = new Api(engine, catalog, new SnapshotSearch(engine, zone), requireNonNull(moreFindings));
        this.socket = new SocketFile(socket);
        this.javalin = Javalin.create(this::configure);
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
                        "{} {}: {} in {} ms",
                        context.method(),
                        context.path(),
                        context.statusCode(),
                        millis.longValue());
            }
        });
        Errors.register(config);
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
            throw new Problem(
                    Code.UNAVAILABLE,
                    "cannot make the socket " + socket,
                    String.valueOf(e.getMessage()),
                    "Check that its directory can be written to, and that its path is shorter than 80 bytes",
                    e);
        }
    }

    /** Takes no more requests, waits for those under way, and removes the socket. */
    @Override
    public void close() {
        try {
            javalin.stop();
        } finally {
            socket.remove();
        }
    }
}
