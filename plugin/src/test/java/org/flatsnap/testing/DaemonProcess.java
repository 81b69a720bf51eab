package org.flatsnap.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.flatsnap.cli.Run;

/** flatsnapd as a process of its own, and the command line that speaks to it. */
public final class DaemonProcess implements AutoCloseable {
    private static final Duration START = Duration.ofSeconds(60);

    private final Path directory;
    private final Path config;
    private final List<String> javaOptions = new ArrayList<>();
    private final Map<String, String> environment = new HashMap<>();
    private String classPath = System.getProperty("java.class.path");
    private List<String> program = List.of("org.flatsnap.daemon.Flatsnapd");
    private Process process;

    private DaemonProcess(Path directory, Path config) {
        this.directory = directory;
        this.config = config;
    }

    /** What a command answered. */
    public record Answer(int exitCode, String output, String errors) {}

    /** Prepares one with these stores; {@link #start} starts it. */
    public static DaemonProcess on(Path... stores) throws IOException {
        return in(Files.createTempDirectory("flatsnapd-"), stores);
    }

    /** The same with a directory that is given and becomes its own. */
    public static DaemonProcess in(Path directory, Path... stores) throws IOException {
        StringBuilder text = new StringBuilder("""
                state-directory = "%1$s/state"
                socket = "%1$s/flatsnapd.sock"
                view = "%1$s/view"
                time-zone = "UTC"
                """.formatted(directory));
        for (Path store : stores) {
            text.append("[[store]]\npath = \"%s\"\n".formatted(store));
        }
        Path config = Files.writeString(directory.resolve("flatsnap.toml"), text);
        return new DaemonProcess(directory, config);
    }

    /** Gives its JVM an option from the next start on. */
    public void javaOption(String option) {
        javaOptions.add(option);
    }

    /** Sets an environment variable of it from the next start on. */
    public void environment(String name, String value) {
        environment.put(name, value);
    }

    /** Lets its JVM find classes elsewhere from the next start on. */
    public void classPath(String path) {
        classPath = path;
    }

    /** Lets another class run it from the next start on, with these words and then those that flatsnapd gets. */
    public void program(String... words) {
        program = List.of(words);
    }

    /** Its configuration. */
    public Path config() {
        return config;
    }

    /** The directory of everything it has but its stores. */
    public Path directory() {
        return directory;
    }

    /** Starts it; it may end before it answers, which it is then said not to do. */
    public boolean startsAndAnswers(String question) throws IOException {
        process = launch(Map.of());
        RunningGuest.await(
                START,
                "flatsnapd to answer or to end",
                () -> !process.isAlive() || flatsnap(question).exitCode() == 0);
        return process.isAlive();
    }

    /** Its process id. */
    public long pid() {
        return process.pid();
    }

    /** Whether it runs. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /** Waits for its end, which something else brings about. */
    public void awaitEnd() {
        end(process);
    }

    /** Where its snapshots are shown. */
    public Path view() {
        return directory.resolve("view");
    }

    /** Where its catalog lies. */
    public Path state() {
        return directory.resolve("state");
    }

    /** What it printed. */
    public String log() throws IOException {
        return Files.readString(directory.resolve("log"));
    }

    /** Starts it and waits until it answers. */
    public void start(Map<String, String> environment) throws IOException {
        process = launch(environment);
        awaitAnswer("vms");
    }

    /** Starts one that cannot reach libvirt. */
    public void startWithoutLibvirt() throws IOException {
        process = launch(Map.of());
        awaitAnswer("list");
    }

    private void awaitAnswer(String command) {
        RunningGuest.await(START, "flatsnapd to answer", () -> {
            if (!process.isAlive()) {
                throw new AssertionError("flatsnapd ended: " + logForError());
            }
            return flatsnap(command).exitCode() == 0;
        });
    }

    /** Puts a line before the rest of the configuration. */
    public void configure(String line) throws IOException {
        Files.writeString(config, line + "\n" + Files.readString(config));
    }

    /** Starts it with nothing special about it. */
    public void start() throws IOException {
        start(Map.of());
    }

    /** Starts one that is expected to give up; gives what it printed. */
    public Answer startInVain() throws IOException {
        Process second = java(Map.of(), "org.flatsnap.daemon.Flatsnapd", "--config", config.toString())
                .start();
        return finished(second);
    }

    private Process launch(Map<String, String> environment) throws IOException {
        List<String> words = new ArrayList<>(program);
        words.addAll(List.of("--config", config.toString()));
        return java(environment, words.toArray(String[]::new))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        directory.resolve("log").toFile()))
                .start();
    }

    private String logForError() {
        try {
            return log();
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** Runs a command of the command line. */
    public Answer flatsnap(String... arguments) {
        Run run = Run.of(directory.resolve("flatsnapd.sock"), arguments);
        return new Answer(run.exitCode(), run.out(), run.err());
    }

    /** Runs a command that must succeed; gives what it printed. */
    public String succeed(String... arguments) {
        Answer answer = flatsnap(arguments);
        if (answer.exitCode() != 0) {
            throw new AssertionError(String.join(" ", arguments) + ": " + answer);
        }
        return answer.output();
    }

    private static Answer finished(Process process) throws IOException {
        try {
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            String errors = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Answer(process.waitFor(), output, errors);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private ProcessBuilder java(Map<String, String> environment, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC"));
        command.addAll(javaOptions);
        command.add("-cp");
        command.add(classPath);
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("LC_ALL", "C.UTF-8");
        builder.environment().putAll(this.environment);
        builder.environment().putAll(environment);
        return builder;
    }

    /** Ends it as a crash would. */
    public void kill() {
        end(process.destroyForcibly());
    }

    /** Ends it as systemd does. */
    public void stop() {
        process.destroy();
        end(process);
    }

    private static void end(Process process) {
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() throws IOException {
        if (process != null && process.isAlive()) {
            stop();
        }
        // A mount whose daemon was killed does not even tell that it is one; where none is, this fails and does no
        // harm.
        Commands.exitCode("umount", "-l", view().toString());
        Commands.run("rm", "-r", "--one-file-system", directory.toString());
    }
}
