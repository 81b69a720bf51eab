package org.flatsnap.daemon;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.flatsnap.linux.ServiceManager;
import org.flatsnap.model.Problem;
import org.flatsnap.server.Version;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The daemon's command line: reads the configuration, runs until it is told to stop. */
@Command(
        name = "flatsnapd",
        description =
                "Takes, keeps and shows VM snapshots without chains. Runs in the foreground; stop it with SIGTERM.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
public final class Flatsnapd implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(Flatsnapd.class);

    @Option(
            names = "--config",
            paramLabel = "FILE",
            defaultValue = "/etc/flatsnap/flatsnap.toml",
            description = "The configuration (default: ${DEFAULT-VALUE}).")
    private Path config;

    /** Starts the daemon; see {@code flatsnapd --help}. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Flatsnapd()).execute(arguments));
    }

    @Override
    public Integer call() throws InterruptedException {
        try {
            requireUtf8();
            run(Configuration.read(config));
            return 0;
        } catch (Problem e) {
            LOG.error("flatsnapd cannot start: {}", e.getMessage());
            return e.code() == Problem.Code.INVALID ? CommandLine.ExitCode.USAGE : CommandLine.ExitCode.SOFTWARE;
        } catch (IOException e) {
            LOG.error("flatsnapd cannot start: {}. Check the paths in {}.", e.getMessage(), config);
            return CommandLine.ExitCode.SOFTWARE;
        }
    }

    private static void run(Configuration configuration) throws IOException, InterruptedException {
        CountDownLatch stopping = new CountDownLatch(1);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> {
                            stopping.countDown();
                            awaitQuietly(stopped);
                        },
                        "flatsnapd-stop"));
        try (Daemon daemon = Daemon.start(configuration)) {
            LOG.info("ready: API at {}, snapshots at {}", configuration.socket(), configuration.view());
            configuration.network().ifPresent(network -> LOG.info("API on the network at {}", network));
            ServiceManager.notify("READY=1");
            stopping.await();
            LOG.info("stopping");
            ServiceManager.notify("STOPPING=1");
        } finally {
            stopped.countDown();
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Names of any script become file names; in the C locale Java would refuse most of them. */
    private static void requireUtf8() {
        String encoding = System.getProperty("sun.jnu.encoding", "");
        if (!encoding.equalsIgnoreCase(StandardCharsets.UTF_8.name())) {
            throw new Problem(
                    Problem.Code.INVALID,
                    "cannot use the locale",
                    "file names are encoded as " + encoding,
                    "Start flatsnapd with LC_ALL=C.UTF-8, as its unit and its launcher do");
        }
    }
}
