package org.flatsnap.access;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.flatsnap.linux.Durability;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;

/**
 * The tokens by which callers from the network are known, in a file that its owner alone can read (mode 0600):
 *
 * <pre>{"format": 1, "tokens": [{"token": {...}, "sha256": "9f86..."}]}</pre>
 *
 * <p>A secret is {@code fst_} and 256 random bits in base64url. Only its SHA-256 is kept: a slow, salted hash is for what people
 * choose, and cannot add to what 256 random bits already cost to guess. Changes replace the file as a whole and are durable
 * when the call returns. Safe for use by several threads.
 */
public final class Tokens {
    /** The file's name in the state directory. */
    public static final String FILE = "tokens.json";

    private static final int FORMAT = 1;
    private static final int SECRET_BYTES = 32;
    private static final String PREFIX = "fst_";

    private final Path file;
    private final SecureRandom random = new SecureRandom();
    private volatile List<Kept> kept;

    private record Kept(Token token, String sha256) {
        boolean isOf(byte[] digest) {
            return MessageDigest.isEqual(digest, HexFormat.of().parseHex(sha256));
        }
    }

    private record Content(int format, List<Kept> tokens) {}

    private Tokens(Path file, List<Kept> kept) {
        this.file = file;
        this.kept = kept;
    }

    /**
     * Reads the file, which need not exist yet.
     *
     * @throws Problem INTERNAL if it is damaged, UNAVAILABLE if it cannot be read
     */
    public static Tokens open(Path file) {
        try {
            Content content = Json.COMPACT.fromJson(Files.readString(file), Content.class);
            if (content.format() != FORMAT) {
                throw new IllegalArgumentException("it has format " + content.format());
            }
            return new Tokens(file, List.copyOf(content.tokens()));
        } catch (NoSuchFileException e) {
            return new Tokens(file, List.of());
        } catch (IOException e) {
            throw unusable(file, e);
        } catch (RuntimeException e) {
            // Gson wraps what a record refuses in an exception of no type of its own.
            throw damaged(file, e);
        }
    }

    /**
     * Adds a token.
     *
     * @return its secret, which is known nowhere else from now on
     * @throws Problem EXISTS if there is one of that name, expired or not
     */
    public synchronized String create(Token token) {
        if (kept.stream().anyMatch(present -> present.token.name().equals(token.name()))) {
            throw new Problem(
                    Code.EXISTS,
                    "cannot make the token " + token.name(),
                    "there is one of that name",
                    "Choose another name, or revoke that one first: flatsnap token revoke " + token.name());
        }
        byte[] bytes = new byte[SECRET_BYTES];
        random.nextBytes(bytes);
        String secret = PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        List<Kept> all = new ArrayList<>(kept);
        all.add(new Kept(token, HexFormat.of().formatHex(digest(secret))));
        replace(all);
        return secret;
    }

    /** The token of this secret, expired or not. Takes as long whichever it is, and whether there is one. */
    public Optional<Token> find(String secret) {
        byte[] digest = digest(secret);
        Optional<Token> found = Optional.empty();
        for (Kept candidate : kept) {
            if (candidate.isOf(digest)) {
                found = Optional.of(candidate.token);
            }
        }
        return found;
    }

    /** All tokens, in the order they were made. */
    public List<Token> list() {
        return kept.stream().map(Kept::token).toList();
    }

    /**
     * Makes a token worthless from now on.
     *
     * @return what it was
     * @throws Problem NOT_FOUND if there is none of that name
     */
    public synchronized Token revoke(String name) {
        Kept gone = kept.stream()
                .filter(present -> present.token.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new Problem(
                        Code.NOT_FOUND,
                        "cannot revoke the token",
                        "there is none of that name",
                        "See 'flatsnap token list'"));
        replace(kept.stream().filter(present -> present != gone).toList());
        return gone.token;
    }

    private void replace(List<Kept> all) {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        try {
            Files.deleteIfExists(fresh);
            // Never readable by others, not even for a moment.
            Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.writeString(fresh, Json.PRETTY.toJson(new Content(FORMAT, all)) + "\n");
            Durability.sync(fresh);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
            Durability.sync(file.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw unusable(file, e);
        }
        kept = List.copyOf(all);
    }

    private static byte[] digest(String secret) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    private static Problem damaged(Path file, Exception cause) {
        return new Problem(
                Code.INTERNAL,
                "cannot read the tokens in " + file,
                "it is not the JSON that flatsnap wrote",
                "Restore it from a backup, or move it away: all tokens are worthless then, and new ones can be made",
                cause);
    }

    private static Problem unusable(Path file, IOException e) {
        return new Problem(
                Code.UNAVAILABLE,
                "cannot use the tokens in " + file,
                String.valueOf(e.getMessage()),
                "Check that its file system is mounted, writable and has room",
                e);
    }
}
