package org.flatsnap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Answers in which every text tries to steer the terminal, as names from a manager, a foreign snapshot or another host could
 * if each check before this one failed.
 */
@Timeout(60)
class HostileAnswersTest {
    private static final String SNAPSHOT =
            "{`id`:`E`,`vm`:`E`,`vmName`:`E`,`name`:`E`,`takenAt`:`E`,`labels`:{`description`:`E`,"
                    + "`tags`:[`E`],`held`:true},`guard`:{`before`:`E`,`partial`:false,`expiresAt`:`E`},`foreign`:{`name`:`E`,"
                    + "`adopted`:true},`quiescence`:{`asked`:`E`,`achieved`:`F`,`state`:`E`,`freezeMillis`:1,`pauseMillis`:1,"
                    + "`torn`:true,`note`:`E`},`disks`:[{`disk`:`E`,`source`:`E`,`bytes`:1}],`firmware`:`E`,`operation`:`E`}";

    @TempDir
    private Path directory;

    private Run against(int status, String json, String... arguments) throws IOException {
        // As JSON escapes them, and as they are.
        String body = json.replace("SNAPSHOT", SNAPSHOT)
                .replace('`', '"')
                .replace("\"E\"", "\"\\u001b[2J\\u009b1m\\u202e\\r\u009dx\"");
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        Path socket = directory.resolve("s" + arguments.length);
        Files.deleteIfExists(socket);
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(socket));
            CompletableFuture<Void> serving = CompletableFuture.runAsync(() -> {
                try (SocketChannel channel = server.accept()) {
                    channel.read(ByteBuffer.allocate(1 << 16));
                    channel.write(ByteBuffer.wrap(
                            ("HTTP/1.1 " + status + " X\r\nContent-Length: " + bytes.length + "\r\n\r\n")
                                    .getBytes(StandardCharsets.US_ASCII)));
                    channel.write(ByteBuffer.wrap(bytes));
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            Run run = Run.of(socket, arguments);
            serving.join();
            return run;
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "200|vms|{`vms`:[{`vm`:`E`,`name`:`E`,`state`:`E`,`snapshots`:1,`disks`:[{`disk`:{`name`:`E`,`source`:`E`},"
                        + "`use`:`E`,`why`:`E`,`remedy`:`E`}]}]}",
                "200|list|{`snapshots`:[SNAPSHOT],`next`:`E`}",
                "200|find|{`snapshots`:[SNAPSHOT],`next`:`E`}",
                "200|show a b|SNAPSHOT",
                "201|take a|SNAPSHOT",
                "200|adopt a b|SNAPSHOT",
                "200|delete a b|SNAPSHOT",
                "200|hold a b|SNAPSHOT",
                "200|rollback a b|{`vm`:`E`,`snapshot`:`E`,`guard`:`E`,`started`:true,`warnings`:[`E`]}",
                "200|undo a|{`vm`:`E`,`snapshot`:`E`,`guard`:`E`,`started`:true,`warnings`:[`E`]}",
                "201|clone a b c|{`vm`:`E`,`name`:`E`,`disks`:[`E`],`warnings`:[`E`]}",
                "200|space a|{`snapshots`:[{`id`:`E`,`name`:`E`,`exclusive`:1}],`freed`:1}",
                "200|doctor|{`findings`:[{`level`:`E`,`subject`:`E`,`finding`:`E`,`remedy`:`E`}]}",
                "200|token list|{`tokens`:[{`name`:`E`,`role`:`E`,`vms`:[`E`],`createdBy`:`E`,`expiresAt`:`E`}]}",
                "201|token create a --role viewer|{`token`:{`name`:`E`,`expiresAt`:`E`},`secret`:`E`}",
                "200|token revoke a|{`name`:`E`}",
                "200|audit|{`entries`:[{`at`:`E`,`who`:`E`,`from`:`E`,`action`:`E`,`vm`:`E`,`snapshot`:`E`,`detail`:`E`,"
                        + "`result`:`E`}],`next`:`E`}",
                "404|undo a|{`code`:`E`,`what`:`E`,`why`:`E`,`remedy`:`E`}"
            })
    void nothingSteersTheTerminal(int status, String command, String answer) throws IOException {
        for (String format : new String[] {"", " --json"}) {
            Run run = against(status, answer, (command + format).split(" "));

            assertThat(run.out() + run.err())
                    .describedAs(command)
                    .contains("[2J")
                    .doesNotContain("Exception");
            assertThat((run.out() + run.err()).chars().filter(c -> c != '\n'))
                    .describedAs(command)
                    .noneMatch(c -> Character.isISOControl(c) || Character.getType(c) == Character.FORMAT);
        }
    }
}
