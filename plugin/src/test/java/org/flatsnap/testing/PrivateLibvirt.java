package org.flatsnap.testing;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * A libvirtd of its own, which can be made to hang without harm to others. It runs as nobody, because a privileged one would
 * want the machine's guests; its domain is the one of libvirt's test driver, named "test", which runs and has no QEMU.
 */
public final class PrivateLibvirt implements AutoCloseable {
    /** The test driver's domain. */
    public static final String VM = "6695eb01-f6a4-8304-79aa-97f2502e193f";

    private static final Duration START = Duration.ofSeconds(60);
    private static final String NOBODY = "65534";

    private interface Client extends Library {
        Pointer virConnectOpen(String uri);

        int virConnectClose(Pointer connection);
    }

    private final Client client = Native.load("libvirt.so.0", Client.class);
    private final Path directory;
    private final Process process;
    private final Pointer connection;

    /** It answers when this returns. */
    public PrivateLibvirt() throws IOException {
        directory = Files.createTempDirectory("flatsnap-libvirtd-");
        Commands.run("chown", NOBODY, directory.toString());
        ProcessBuilder builder = new ProcessBuilder(
                        "setpriv", "--reuid=" + NOBODY, "--regid=" + NOBODY, "--clear-groups", "/usr/sbin/libvirtd")
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile());
        for (String place : new String[] {"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}) {
            builder.environment().put(place, directory.toString());
        }
        process = builder.start();
        RunningGuest.await(
                START, "the private libvirtd", () -> Commands.exitCode("virsh", "-c", uri(), "domstate", VM) == 0);
        // The test driver forgets everything when its last client leaves.
        connection = client.virConnectOpen(uri());
    }

    /** How it is reached. */
    public String uri() {
        return "test+unix:///default?socket=" + directory.resolve("libvirt/libvirt-sock");
    }

    /** From now on it takes calls and answers none. */
    public void hang() {
        signal("STOP");
    }

    /** It goes on, with the calls it got meanwhile. */
    public void wake() {
        signal("CONT");
    }

    private void signal(String name) {
        Commands.run("kill", "-" + name, String.valueOf(process.pid()));
    }

    @Override
    public void close() {
        wake();
        client.virConnectClose(connection);
        process.destroy();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
        Commands.run("rm", "-r", directory.toString());
    }
}
