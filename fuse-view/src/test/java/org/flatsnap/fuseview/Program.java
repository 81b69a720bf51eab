package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A real program that has run to its end. */
record Program(List<String> command, int status, String output, String errors) {

    private static final int DEADLINE_SECONDS = 60;

    /** Runs a program; paths may be among the arguments. */
    static Program run(Object... command) {
        List<String> words = Arrays.stream(command).map(Object::toString).toList();
        try {
            Path output = Files.createTempFile("output", null);
            Path errors = Files.createTempFile("errors", null);
            try {
                ProcessBuilder builder = new ProcessBuilder(words)
                        .redirectOutput(output.toFile())
                        .redirectError(errors.toFile());
                builder.environment().put("LC_ALL", "C.UTF-8");
                Process process = builder.start();
                if (!process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                    throw new AssertionError(words + " has not ended");
                }
                return new Program(words, process.exitValue(), Files.readString(output), text(errors));
            } finally {
                Files.delete(output);
                Files.delete(errors);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Starts Java on a class of the tests, in another process. */
    static ProcessBuilder java(Class<?> main, Object... arguments) {
        List<String> words = new ArrayList<>();
        words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        if (Runtime.version().feature() >= 24) {
            words.add("--enable-native-access=ALL-UNNAMED");
            words.add("--sun-misc-unsafe-memory-access=allow");
        }
        words.addAll(List.of("-Xmx128m", "-cp", System.getProperty("java.class.path"), main.getName()));
        Arrays.stream(arguments).map(Object::toString).forEach(words::add);
        return new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT);
    }

    /** Asserts that the program ended well and said nothing on standard error. */
    Program quietly() {
        assertThat(errors).as("standard error of %s", command).isEmpty();
        assertThat(status).as("exit status of %s", command).isZero();
        return this;
    }

    /** Asserts that the program noticed. */
    Program failing(String message) {
        assertThat(status)
                .as("exit status of %s, which wrote %s", command, output)
                .isNotZero();
        assertThat(errors).as("standard error of %s", command).contains(message);
        return this;
    }

    private static String text(Path file) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    }
}
