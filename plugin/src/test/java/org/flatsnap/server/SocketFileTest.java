package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Stores;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.Quiescer;
import org.flatsnap.model.Problem;
import org.flatsnap.store.KnownStores;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who gets the socket, and what becomes of one that is there already. */
@Timeout(60)
class SocketFileTest {
    @TempDir
    private Path directory;

    private Catalog catalog;
    private Engine engine;

    @BeforeEach
    void openEngine() throws IOException {
        catalog = Catalog.open(directory.resolve("catalog.db"));
        FakeManager manager = new FakeManager();
        GuestNotes notes = new GuestNotes(directory.resolve("guests"));
        engine = new Engine(
                new Stores(List.of(), KnownStores.read(directory.resolve("stores.json")), Duration.ofSeconds(1)),
                manager,
                catalog,
                new Quiescer(manager, notes, Duration.ofSeconds(1)),
                notes,
                Clock.systemUTC(),
                new Engine.Settings("node1", Duration.ofDays(7), Duration.ofSeconds(1)));
    }

    @AfterEach
    void closeEngine() {
        engine.close();
        catalog.close();
    }

    private ApiServer server(Path socket) {
        return new ApiServer(engine, catalog, Doors.socket(socket), directory, Clock.systemUTC(), List::of);
    }

    private static void assertAnswers(Path socket) throws IOException {
        assertThat(new ApiClient(socket).send("GET", "/v1/health").status()).isEqualTo(200);
    }

    @Test
    void theSocketIsForOwnerAndGroupInADirectoryForAll() throws IOException {
        Path socket = directory.resolve("run/flatsnap/api.sock");

        try (ApiServer server = server(socket)) {
            server.start();

            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
                    .isEqualTo("rw-rw----");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket.getParent())))
                    .isEqualTo("rwxr-xr-x");
            assertThat(siblings(socket)).containsExactly(socket);
            assertAnswers(socket);
        }
        assertThat(siblings(socket)).isEmpty();
    }

    private static List<Path> siblings(Path socket) throws IOException {
        try (Stream<Path> files = Files.list(socket.getParent())) {
            return files.toList();
        }
    }

    @Test
    void theSocketOfADeadDaemonIsReplaced() throws IOException {
        Path socket = directory.resolve("api.sock");
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(socket))
                .close();
        assertThat(socket).exists();

        try (ApiServer server = server(socket)) {
            server.start();

            assertAnswers(socket);
        }
    }

    @Test
    void theSocketOfALivingDaemonIsLeftAlone() throws IOException {
        Path socket = directory.resolve("api.sock");
        try (ApiServer first = server(socket)) {
            first.start();
            try (ApiServer second = server(socket)) {
                assertThatThrownBy(second::start)
                        .isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.code())
                                .isEqualTo(Problem.Code.BUSY));
            }
            assertAnswers(socket);
        }
    }

    @Test
    void anythingElseInItsPlaceIsLeftAlone() throws IOException {
        Path file = Files.writeString(directory.resolve("api.sock"), "precious");
        try (ApiServer server = server(file)) {
            assertThatThrownBy(server::start)
                    .isInstanceOfSatisfying(
                            Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.REFUSED));
        }
        assertThat(file).hasContent("precious");
    }

    @Test
    void aPathThatIsTooLongIsExplained() {
        try (ApiServer server = server(directory.resolve("a".repeat(120)))) {
            assertThatThrownBy(server::start).isInstanceOf(Problem.class).hasMessageContaining("the limit is 107");
        }
    }

    @Test
    void aDirectoryThatCannotBeMadeIsExplained() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "");
        try (ApiServer server = server(file.resolve("api.sock"))) {
            assertThatThrownBy(server::start)
                    .isInstanceOfSatisfying(
                            Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.UNAVAILABLE));
        }
    }
}
