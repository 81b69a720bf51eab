package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.flatsnap.model.Problem;
import org.flatsnap.testing.Commands;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Certificates and keys as openssl writes them, and what is wrong with others. */
class CertificatesTest {
    @TempDir
    private Path directory;

    private static Certificates read(Path certificate, Path key) {
        return Certificates.read(new Network("::", 0, certificate, key));
    }

    private static void assertRefused(Path certificate, Path key, Path culprit, String why, String remedy) {
        assertThatThrownBy(() -> read(certificate, key)).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).isEqualTo(Problem.Code.INVALID);
            assertThat(problem.what()).isEqualTo("cannot use " + culprit + " for TLS");
            assertThat(problem.why()).contains(why);
            assertThat(problem.remedy()).contains(remedy);
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"rsa:2048", "ec", "ed25519"})
    void keysOfEachKindAreRead(String kind) throws IOException {
        TestCertificate made = kind.equals("ec")
                ? TestCertificate.make(directory, "a")
                : TestCertificate.make(directory, "a", "-newkey", kind);

        assertThat(read(made.certificate(), made.key()).chain()).hasSize(1);

        // With the authority's behind it, and openssl's remarks before each.
        Files.writeString(
                made.certificate(),
                "subject=CN = a\n" + Files.readString(made.certificate()) + "\nissuer\n"
                        + Files.readString(TestCertificate.make(directory, "ca").certificate()));
        assertThat(read(made.certificate(), made.key()).chain()).hasSize(2);
    }

    @Test
    void whatIsMissingOrNoPemIsNamed() throws IOException {
        TestCertificate made = TestCertificate.make(directory, "a");
        Path absent = directory.resolve("absent.pem");
        Path garbage = Files.writeString(directory.resolve("garbage"), "hello");

        assertRefused(
                absent, made.key(), absent, "it cannot be read (java.nio.file.NoSuchFileException", "Check the path");
        assertRefused(made.certificate(), absent, absent, "it cannot be read", "Check the path");
        assertRefused(garbage, made.key(), garbage, "it", "PEM");
        assertRefused(made.certificate(), garbage, garbage, "it holds no private key", "BEGIN PRIVATE KEY");
        assertRefused(made.certificate(), made.certificate(), made.certificate(), "it holds no private key", "PEM");
    }

    @Test
    void aKeyOfAnotherCertificateIsRefused() {
        TestCertificate one = TestCertificate.make(directory, "one");
        TestCertificate other = TestCertificate.make(directory, "other");
        TestCertificate rsa = TestCertificate.make(directory, "rsa", "-newkey", "rsa:2048");

        for (Path key : new Path[] {other.key(), rsa.key()}) {
            assertRefused(one.certificate(), key, key, "it is not the key of the certificate in", "own certificate");
        }
    }

    @Test
    void aKeyInAnotherFormIsRefusedWithTheCommandThatConvertsIt() throws IOException {
        TestCertificate made = TestCertificate.make(directory, "a", "-newkey", "rsa:2048");
        Path old = directory.resolve("old.key");
        Commands.run("openssl", "rsa", "-traditional", "-in", made.key().toString(), "-out", old.toString());
        Path locked = directory.resolve("locked.key");
        Commands.run(
                "openssl",
                "pkcs8",
                "-topk8",
                "-passout",
                "pass:x",
                "-in",
                made.key().toString(),
                "-out",
                locked.toString());

        assertRefused(made.certificate(), old, old, "RSA PRIVATE KEY", "openssl pkcs8 -topk8 -nocrypt -in " + old);
        assertRefused(made.certificate(), locked, locked, "ENCRYPTED PRIVATE KEY", "openssl pkcs8");

        Path converted = directory.resolve("new.pem");
        Commands.run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", old.toString(), "-out", converted.toString());
        assertThat(read(made.certificate(), converted).chain()).hasSize(1);
    }
}
