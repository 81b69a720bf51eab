package org.flatsnap.server;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;

/**
 * The server's certificate and its private key, as PEM files hold them (RFC 7468).
 *
 * @param chain the server's own certificate first
 */
record Certificates(List<X509Certificate> chain, PrivateKey key) {
    private static final Pattern KEY = Pattern.compile(
            "-----BEGIN (?<kind>[A-Z ]*PRIVATE KEY)-----(?<text>[^-]*)-----END \\k<kind>-----", Pattern.DOTALL);
    /** Kinds of keys and a signature that each can make. */
    private static final Map<String, String> SIGNATURES =
            Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA", "EdDSA", "EdDSA");

    /** Reads both files; a {@link Problem} (INVALID) says which is not as it should be, and why. */
    static Certificates read(Network network) {
        Certificates read = new Certificates(chain(network.certificate()), key(network.key()));
        if (!read.belongTogether()) {
            throw unusable(
                    network.key(),
                    "it is not the key of the certificate in " + network.certificate(),
                    "Name the key that the certificate was made with; the server's own certificate stands first in its file");
        }
        return read;
    }

    private static List<X509Certificate> chain(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            Collection<? extends Certificate> read =
                    CertificateFactory.getInstance("X.509").generateCertificates(in);
            if (read.isEmpty()) {
                throw unusable(file, "it holds no certificate", "Name a PEM file: -----BEGIN CERTIFICATE-----");
            }
            return read.stream().map(X509Certificate.class::cast).toList();
        } catch (CertificateException e) {
            throw unusable(
                    file,
                    "it is no certificate in PEM: " + e.getMessage(),
                    "Name a PEM file: -----BEGIN CERTIFICATE-----");
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private static PrivateKey key(Path file) {
        try {
            Matcher pem = KEY.matcher(Files.readString(file));
            if (!pem.find()) {
                throw unusable(file, "it holds no private key", "Name a PEM file: -----BEGIN PRIVATE KEY-----");
            }
            if (!pem.group("kind").equals("PRIVATE KEY")) {
                throw unusable(
                        file,
                        "its key is an " + pem.group("kind") + " and not in PKCS #8 without a password",
                        "Convert it: openssl pkcs8 -topk8 -nocrypt -in " + file + " -out new.pem");
            }
            return key(file, Base64.getMimeDecoder().decode(pem.group("text")));
        } catch (IllegalArgumentException e) {
            throw unusable(file, "its key is not in base64", "Make it anew, or name another");
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private static PrivateKey key(Path file, byte[] pkcs8) {
        for (String kind : SIGNATURES.keySet()) {
            try {
                return KeyFactory.getInstance(kind).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
            } catch (InvalidKeySpecException e) {
                // Of another kind; the next is tried.
                continue;
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("Java has " + kind, e);
            }
        }
        throw unusable(file, "its key is neither RSA nor EC nor EdDSA", "Make another: openssl genpkey");
    }

    private boolean belongTogether() {
        String kind = key.getAlgorithm();
        try {
            Signature signature = Signature.getInstance(SIGNATURES.getOrDefault(kind, kind));
            byte[] probe = {1};
            signature.initSign(key);
            signature.update(probe);
            byte[] signed = signature.sign();
            signature.initVerify(chain.get(0).getPublicKey());
            signature.update(probe);
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            // A key of another kind than the certificate's.
            return false;
        }
    }

    /** For Jetty, which takes a password where none is needed. */
    KeyStore keyStore(String password) {
        try {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setKeyEntry("flatsnap", key, password.toCharArray(), chain.toArray(new Certificate[0]));
            return store;
        } catch (GeneralSecurityException | IOException e) {
            throw new IllegalStateException("a key store in memory can be filled", e);
        }
    }

    private static Problem unreadable(Path file, IOException e) {
        return unusable(file, "it cannot be read (" + e + ")", "Check the path and that flatsnapd's user may read it");
    }

    private static Problem unusable(Path file, String why, String remedy) {
        return new Problem(Code.INVALID, "cannot use " + file + " for TLS", why, remedy);
    }
}
