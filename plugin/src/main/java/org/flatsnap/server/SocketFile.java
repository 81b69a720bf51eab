package org.flatsnap.server;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.Optional;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The place of the API's socket. The socket is bound in a directory that only its owner can enter, given its mode there, and
 * then renamed to its place: at no moment can others connect, and the socket of a dead daemon is replaced in one step.
 */
final class SocketFile {
    private static final Logger LOG = LoggerFactory.getLogger(SocketFile.class);
    /** {@code sun_path} without its end mark, unix(7). */
    private static final int LONGEST = 107;

    private final Path path;
    private final Optional<String> group;
    private Path hidden;
    private boolean published;

    /** @param group whose members may connect; empty for the daemon's own */
    SocketFile(Path path, Optional<String> group) {
        this.path = path.toAbsolutePath();
        this.group = group;
    }

    /** Where to bind it, after {@link #prepare}. */
    Path hidden() {
        return hidden;
    }

    /** Makes what has to stand before the socket is bound; refuses a place that is in use. */
    void prepare() throws IOException {
        int bytes = path.toString().getBytes(StandardCharsets.UTF_8).length;
        if (bytes > LONGEST) {
            throw unusable(
                    Code.INVALID, "its path has " + bytes + " bytes, the limit is " + LONGEST, "Name a shorter path");
        }
        Path directory = path.getParent();
        if (!Files.isDirectory(directory)) {
            Files.createDirectories(directory);
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        refuseOccupied();
        hidden = Files.createTempDirectory(directory, ".").resolve("s");
    }

    private void refuseOccupied() throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        BasicFileAttributes attributes =
                Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!attributes.isOther()) {
            throw unusable(Code.REFUSED, "it exists and is not a socket", "Name another path, or move that away");
        }
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            // A daemon that hangs with a full queue must not make this one wait.
            channel.configureBlocking(false);
            channel.connect(UnixDomainSocketAddress.of(path));
        } catch (ConnectException e) {
            LOG.info("replacing {}, which a daemon that was killed has left", path);
            return;
        } catch (SocketException e) {
            throw unusable(Code.BUSY, String.valueOf(e.getMessage()), "Stop what uses it, or name another path");
        }
        throw unusable(Code.BUSY, "another flatsnapd answers there", "Stop that one, or name another path");
    }

    private Problem unusable(Code code, String why, String remedy) {
        return new Problem(code, "cannot make the socket " + path, why, remedy);
    }

    /** Lets others connect. */
    void publish() throws IOException {
        if (group.isPresent()) {
            Files.getFileAttributeView(hidden, PosixFileAttributeView.class).setGroup(group(group.get()));
        }
        Files.setPosixFilePermissions(hidden, PosixFilePermissions.fromString("rw-rw----"));
        Files.move(hidden, path, StandardCopyOption.ATOMIC_MOVE);
        published = true;
        Files.delete(hidden.getParent());
    }

    private GroupPrincipal group(String name) throws IOException {
        try {
            return hidden.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByGroupName(name);
        } catch (UserPrincipalNotFoundException e) {
            throw unusable(
                    Code.INVALID,
                    "there is no group " + name,
                    "Make it (groupadd " + name + "), or set another socket-group");
        }
    }

    /** Removes what {@link #prepare} and {@link #publish} made, except a directory that was missing. */
    void remove() {
        try {
            if (published) {
                Files.deleteIfExists(path);
            } else if (hidden != null) {
                Files.deleteIfExists(hidden);
                Files.deleteIfExists(hidden.getParent());
            }
        } catch (IOException e) {
            LOG.warn("cannot remove the socket {}: {}", path, e.getMessage());
        }
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
