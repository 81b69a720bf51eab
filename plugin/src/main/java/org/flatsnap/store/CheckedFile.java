package org.flatsnap.store;

import static java.util.Objects.requireNonNull;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.flatsnap.linux.Durability;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;

/**
 * A JSON file that carries its format version and a checksum of its content, and is replaced as a whole:
 *
 * <pre>{"format": 1, "sha256": "9f86...", "content": {...}}</pre>
 *
 * <p>The checksum is over {@code content} written compactly, so that indentation does not matter.
 */
final class CheckedFile {
    /** What the name of a file ends with that is to replace another one; one that was not finished may be left. */
    static final String FRESH = ".new";

    private static final int FORMAT = 1;

    private CheckedFile() {}

    /** Writes into a new file and makes it durable; the entry in its directory is the caller's to sync. */
    static void create(Path file, Object content) throws IOException {
        Files.writeString(file, text(content));
        Durability.sync(file);
    }

    /** The text of such a file. */
    static String text(Object content) {
        JsonElement tree = Json.COMPACT.toJsonTree(content);
        JsonObject envelope = new JsonObject();
        envelope.addProperty("format", FORMAT);
        envelope.addProperty("sha256", digest(tree));
        envelope.add("content", tree);
        return Json.PRETTY.toJson(envelope) + "\n";
    }

    /** Puts new content in the old one's place, atomically and durably; a failure leaves the old one. */
    static void replace(Path file, Object content) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + FRESH);
        try {
            create(fresh, content);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            try {
                Files.deleteIfExists(fresh);
            } catch (IOException suppressed) {
                e.addSuppressed(suppressed);
            }
            throw e;
        }
        Durability.sync(file.getParent());
    }

    /**
     * Reads and verifies.
     *
     * @throws Problem with code INTERNAL if the file is damaged or of another version
     * @throws IOException if it cannot be read
     */
    static <T> T read(Path file, Class<T> type) throws IOException {
        try {
            return parse(Files.readString(file), file, type);
        } catch (CharacterCodingException e) {
            throw damaged(file, "it is not text in UTF-8", e);
        }
    }

    /**
     * Verifies a text and reads what it holds.
     *
     * @param name what people know it by
     * @throws Problem with code INTERNAL if it is damaged or of another version
     */
    static <T> T parse(String text, Object name, Class<T> type) {
        try {
            JsonObject envelope = JsonParser.parseString(text).getAsJsonObject();
            int format = envelope.get("format").getAsInt();
            if (format != FORMAT) {
                throw damaged(name, "it has format " + format + " and this flatsnap reads format " + FORMAT, null);
            }
            JsonElement content = envelope.get("content");
            if (!digest(content).equals(envelope.get("sha256").getAsString())) {
                throw damaged(name, "its checksum does not match its content", null);
            }
            return requireNonNull(Json.COMPACT.fromJson(content, type), "content");
        } catch (Problem e) {
            throw e.code() == Problem.Code.INTERNAL ? e : damaged(name, e.what() + ": " + e.why(), e);
        } catch (RuntimeException e) {
            // Gson wraps what a constructor throws in exceptions without a type of their own.
            throw damaged(name, "it is not the JSON that flatsnap wrote", e);
        }
    }

    /**
     * For the constructors of what is read: refuses a text that no path is written like, before anybody follows it.
     *
     * @throws java.nio.file.InvalidPathException if it has a NUL in it
     */
    static void requirePath(String text) {
        Path.of(text);
    }

    static Problem damaged(Object name, String why, Exception cause) {
        return new Problem(
                Problem.Code.INTERNAL,
                "cannot read " + name,
                why,
                "Images are untouched and can be copied out by hand; restore the record from a backup, or move it away",
                cause);
    }

    private static String digest(JsonElement content) {
        try {
            byte[] bytes = Json.COMPACT.toJson(content).getBytes(StandardCharsets.UTF_8);
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
