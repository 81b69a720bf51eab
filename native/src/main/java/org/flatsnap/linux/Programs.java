package org.flatsnap.linux;

import static java.util.Objects.requireNonNull;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.charset.Charset;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Runs other programs: the only place of the product that does. Never through a shell, so no text of a user is ever
 * taken for a command; with an environment of its own ({@code LC_ALL=C} and a fixed {@code PATH}), no input, and a time
 * limit after which the program and its children are killed; save for parts of the product itself. May be used by several
 * threads.
 */
public final class Programs {
    /** Where programs are looked for, and what they get as {@code PATH}. */
    private static final List<String> PATH =
            List.of("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin");

    /** More is not kept of what a program writes. */
    private static final int OUTPUT_LIMIT = 64 << 20;

    private static final int ERRORS_LIMIT = 64 << 10;

    private Programs() {}

    /**
     * How a program ended.
     *
     * @param exitCode 0 is success; 128 and the signal's number more if a signal ended it
     * @param output what it wrote to standard output, as UTF-8
     * @param errors what it wrote to standard error, as UTF-8, at most its first 64 KiB
     */
    public record Ended(int exitCode, String output, String errors) {}

    /**
     * Runs a program to its end.
     *
     * @param command the program, by absolute path or by name, and its arguments
     * @throws NoSuchFileException if there is no such program
     * @throws ProgramTimeoutException if it did not end in time and was killed
     * @throws InterruptedIOException if this thread was interrupted, which kills the program too; the flag stays set
     * @throws IOException if it cannot be started, or wrote more than 64 MiB
     */
    public static Ended run(List<String> command, Duration limit) throws IOException {
        return run(command, limit, Programs::text);
    }

    /**
     * Runs a program to its end and hands over its output line by line while it runs. The time that {@code line} takes
     * counts as the program's.
     *
     * @param line gets every line, without its end, in a thread that is not the caller's; what it throws kills the
     *     program and is thrown here
     * @return how it ended; the output in it is empty
     * @throws IOException as for {@link #run(List, Duration)}
     */
    public static Ended run(List<String> command, Duration limit, Consumer<String> line) throws IOException {
        requireNonNull(line, "line");
        return run(command, limit, (String name, InputStream stream) -> {
            BufferedReader lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
            for (String next = lines.readLine(); next != null; next = lines.readLine()) {
                line.accept(next);
            }
            return "";
        });
    }

    /**
     * Starts another part of this product beside this process, with its environment and its standard error; they speak over
     * the other two streams. It is not killed when this process ends.
     *
     * @param command as for {@link #run(List, Duration)}
     * @throws IOException if it cannot be started
     */
    public static Process startBeside(List<String> command) throws IOException {
        List<String> words = new ArrayList<>(command);
        words.set(0, find(command.get(0)).toString());
        requireEncodable(words);
        return new ProcessBuilder(words)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private interface Reading {
        String read(String program, InputStream output) throws IOException;
    }

    private static Ended run(List<String> command, Duration limit, Reading reading) throws IOException {
        long deadline = System.nanoTime() + limit.toNanos();
        List<String> words = new ArrayList<>(command);
        words.set(0, find(command.get(0)).toString());
        requireEncodable(words);
        Process process = start(words);
        boolean ended = false;
        try {
            FutureTask<String> output = inBackground(words, () -> reading.read(words.get(0), process.getInputStream()));
            FutureTask<String> errors = inBackground(words, () -> beginning(process.getErrorStream()));
            String text = output.get(nanosUntil(deadline), TimeUnit.NANOSECONDS);
            String complaint = errors.get(nanosUntil(deadline), TimeUnit.NANOSECONDS);
            if (!process.waitFor(nanosUntil(deadline), TimeUnit.NANOSECONDS)) {
                throw new ProgramTimeoutException(command, limit);
            }
            ended = true;
            return new Ended(process.exitValue(), text, complaint);
        } catch (TimeoutException e) {
            throw new ProgramTimeoutException(command, limit);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted while " + words.get(0) + " ran").initCause(e);
        } catch (ExecutionException e) {
            throw thrownByReader(e);
        } finally {
            if (!ended) {
                kill(process);
            }
        }
    }

    private static IOException thrownByReader(ExecutionException e) {
        Throwable cause = e.getCause();
        if (cause instanceof RuntimeException unchecked) {
            throw unchecked;
        }
        if (cause instanceof Error error) {
            throw error;
        }
        return (IOException) cause;
    }

    private static Process start(List<String> words) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(words).redirectInput(new File("/dev/null"));
        builder.environment().clear();
        builder.environment().put("LC_ALL", "C");
        builder.environment().put("PATH", String.join(":", PATH));
        return builder.start();
    }

    private static void kill(Process process) {
        // Children first: once the parent is gone they are nobody's descendants.
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    private static Path find(String program) throws NoSuchFileException {
        if (program.startsWith("/")) {
            return Path.of(program);
        }
        for (String directory : PATH) {
            Path file = Path.of(directory, program);
            if (Files.isExecutable(file) && !Files.isDirectory(file)) {
                return file;
            }
        }
        throw new NoSuchFileException(program, null, "no such program in " + String.join(":", PATH));
    }

    /** The JDK turns a character that the locale cannot express into a question mark and says nothing. */
    private static void requireEncodable(List<String> words) {
        Charset charset = Charset.forName(System.getProperty("sun.jnu.encoding"));
        CharsetEncoder encoder = charset.newEncoder();
        for (String word : words) {
            if (!encoder.canEncode(word)) {
                throw new IllegalArgumentException("the argument '" + word + "' of " + words.get(0)
                        + " cannot be passed in this process's character set " + charset);
            }
        }
    }

    private static FutureTask<String> inBackground(List<String> words, Callable<String> reading) {
        FutureTask<String> task = new FutureTask<>(reading);
        Thread thread = new Thread(task, "reads " + words.get(0));
        // A program stuck in the kernel survives even its killing; it must not keep this process from ending.
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    private static String text(String program, InputStream stream) throws IOException {
        byte[] bytes = stream.readNBytes(OUTPUT_LIMIT + 1);
        if (bytes.length > OUTPUT_LIMIT) {
            throw new IOException(program + " wrote more than " + OUTPUT_LIMIT + " bytes");
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static String beginning(InputStream stream) throws IOException {
        String text = new String(stream.readNBytes(ERRORS_LIMIT), StandardCharsets.UTF_8);
        // A program that finds the pipe full would wait for ever.
        stream.transferTo(OutputStream.nullOutputStream());
        return text;
    }

    private static long nanosUntil(long deadline) {
        return Math.max(0, deadline - System.nanoTime());
    }
}
