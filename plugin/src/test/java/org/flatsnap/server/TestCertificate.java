package org.flatsnap.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.flatsnap.testing.Commands;

/**
 * A certificate made for a test, signed by itself.
 *
 * @param certificate PEM
 * @param key PEM
 */
public record TestCertificate(Path certificate, Path key) {
    /** For {@code localhost}, with an elliptic curve. */
    public static TestCertificate make(Path directory, String name) {
        return make(directory, name, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "30");
    }

    /** For {@code localhost}, made with these options of openssl-req(1). */
    static TestCertificate make(Path directory, String name, String... options) {
        Path certificate = directory.resolve(name + ".pem");
        Path key = directory.resolve(name + ".key");
        String[] command = {
            "openssl",
            "req",
            "-x509",
            "-nodes",
            "-subj",
            "/CN=" + name,
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            key.toString(),
            "-out",
            certificate.toString()
        };
        String[] all = new String[command.length + options.length];
        System.arraycopy(command, 0, all, 0, command.length);
        System.arraycopy(options, 0, all, command.length, options.length);
        Commands.run(all);
        return new TestCertificate(certificate, key);
    }

    /** Puts another in its place. */
    void replaceBy(TestCertificate other) throws IOException {
        Files.copy(other.certificate, certificate, StandardCopyOption.REPLACE_EXISTING);
        Files.copy(other.key, key, StandardCopyOption.REPLACE_EXISTING);
    }
}
