package org.flatsnap.faults;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess;

/**
 * This JVM's class path once more, with classes that tell {@link Steps} of each step, and an archive of what a daemon loads from
 * it. Daemons die by the thousand here, and with the archive one starts three times as quickly. Made once, when it is first
 * asked for.
 */
final class SteppedClassPath {
    private static SteppedClassPath made;

    private final Path directory;
    private final String path;
    private final Path archive;

    private SteppedClassPath(Path directory) throws IOException {
        this.directory = directory;
        List<String> entries = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            entries.add(stepped(Path.of(entry), entries.size()));
        }
        path = String.join(File.pathSeparator, entries);
        CrashWorld.SITES.write(directory.resolve("sites"));
        archive = directory.resolve("classes.jsa");
        try (DaemonProcess daemon =
                DaemonProcess.in(Files.createDirectory(directory.resolve("daemon")), directory.resolve("no-store"))) {
            daemon.classPath(path);
            daemon.javaOption("-XX:ArchiveClassesAtExit=" + archive);
            daemon.start();
        }
    }

    static synchronized SteppedClassPath get() throws IOException {
        if (made == null) {
            Path directory = Files.createTempDirectory("flatsnap-steps-");
            Runtime.getRuntime().addShutdownHook(new Thread(() -> Commands.run("rm", "-r", directory.toString())));
            made = new SteppedClassPath(directory);
        }
        return made;
    }

    /** From its next start on a daemon does what {@code control} says, and its watchdog what {@code watchdog} says. */
    void use(DaemonProcess daemon, Path control, Path watchdog) {
        daemon.classPath(path);
        String shared = "-XX:SharedArchiveFile=" + archive;
        daemon.javaOption(shared);
        String sites = "-D" + Steps.SITES + "=" + directory.resolve("sites");
        daemon.javaOption("-D" + Steps.CONTROL + "=" + control);
        daemon.javaOption(sites);
        // The watchdog has its own options, and the daemon's environment.
        daemon.environment("JAVA_TOOL_OPTIONS", "-D" + Steps.CONTROL + "=" + watchdog + " " + sites + " " + shared);
    }

    /** The archive wants jars, and a jar of others stays what it is. */
    private String stepped(Path entry, int number) throws IOException {
        if (Files.isDirectory(entry)) {
            return copy(entry, number);
        }
        if (entry.getFileName().toString().startsWith("flatsnap-")) {
            try (FileSystem jar = FileSystems.newFileSystem(entry)) {
                return copy(jar.getPath("/"), number);
            }
        }
        return entry.toString();
    }

    private String copy(Path root, int number) throws IOException {
        Path jar = directory.resolve(number + ".jar");
        // Tests lie in the same packages and are not on stage.
        boolean onStage = !root.endsWith("test-classes");
        try (OutputStream file = Files.newOutputStream(jar);
                JarOutputStream out = new JarOutputStream(file);
                Stream<Path> files = Files.walk(root)) {
            files.filter(Files::isRegularFile).forEach(source -> copy(root, source, onStage, out));
        }
        return jar.toString();
    }

    private static void copy(Path root, Path source, boolean onStage, JarOutputStream out) {
        try {
            String name = root.relativize(source).toString();
            byte[] bytes = Files.readAllBytes(source);
            boolean stepped =
                    onStage && name.endsWith(".class") && Sites.ours(name.substring(0, name.lastIndexOf('.')));
            out.putNextEntry(new JarEntry(name));
            out.write(stepped ? CrashWorld.SITES.instrument(bytes) : bytes);
            out.closeEntry();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
