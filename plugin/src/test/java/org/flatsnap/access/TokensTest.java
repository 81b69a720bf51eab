package org.flatsnap.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.flatsnap.model.Problem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokens in their file. */
class TokensTest {
    @TempDir
    private Path directory;

    private Path file() {
        return directory.resolve(Tokens.FILE);
    }

    private static Token token(String name) {
        return new Token(name, Role.OPERATOR, List.of("web*"), Instant.EPOCH, "root", Instant.MAX);
    }

    @Test
    void aTokenIsKnownByItsSecretAlsoAfterARestart() {
        Tokens tokens = Tokens.open(file());
        String first = tokens.create(token("ci"));
        String second = tokens.create(token("backup"));

        for (Tokens known : List.of(tokens, Tokens.open(file()))) {
            assertThat(known.find(first)).contains(token("ci"));
            assertThat(known.find(second)).contains(token("backup"));
            assertThat(known.find(first + "x")).isEmpty();
            assertThat(known.find("")).isEmpty();
            assertThat(known.list()).containsExactly(token("ci"), token("backup"));
        }
    }

    @Test
    void aRevokedTokenIsWorthlessAtOnceAndAfterARestart() {
        Tokens tokens = Tokens.open(file());
        String secret = tokens.create(token("ci"));

        assertThat(tokens.revoke("ci")).isEqualTo(token("ci"));

        assertThat(tokens.find(secret)).isEmpty();
        assertThat(Tokens.open(file()).find(secret)).isEmpty();
        assertThatThrownBy(() -> tokens.revoke("ci"))
                .isInstanceOfSatisfying(
                        Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.NOT_FOUND));
    }

    @Test
    void theFileIsTheOwnersAndDoesNotHoldTheSecret() throws IOException {
        String secret = Tokens.open(file()).create(token("ci"));

        assertThat(Base64.getUrlDecoder().decode(secret.substring("fst_".length())))
                .hasSize(32);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
                .isEqualTo("rw-------");
        assertThat(Files.readString(file())).contains("\"ci\"").doesNotContain(secret.substring(4));
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(file());
        }
    }

    @Test
    void namesAreGivenOnce() {
        Tokens tokens = Tokens.open(file());
        tokens.create(token("ci"));

        assertThatThrownBy(() -> tokens.create(token("ci")))
                .isInstanceOfSatisfying(
                        Problem.class, problem -> assertThat(problem.code()).isEqualTo(Problem.Code.EXISTS));
    }

    @Test
    void secretsDiffer() {
        Tokens tokens = Tokens.open(file());
        assertThat(tokens.create(token("a"))).isNotEqualTo(tokens.create(token("b")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "[]",
                "{\"format\":2,\"tokens\":[]}",
                "{\"format\":1}",
                "{\"format\":1,\"tokens\":[{\"token\":{\"name\":\"a\",\"role\":\"king\"},\"sha256\":\"00\"}]}",
                "{\"format\":1,\"tokens\":[{\"token\":{\"name\":\"a"
            })
    void aDamagedFileIsNotTakenForAnEmptyOne(String content) throws IOException {
        Files.writeString(file(), content);

        assertThatThrownBy(() -> Tokens.open(file()))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("all tokens are worthless then");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a b", "a\nb", "../a", "-a", "token:x", "\u001b[2J"})
    void aNameIsPlain(String name) {
        assertThatThrownBy(() -> token(name)).isInstanceOf(Problem.class).hasMessageContaining("bad name of a token");
    }
}
