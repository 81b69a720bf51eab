package org.flatsnap.cli;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.DefaultBHttpClientConnection;

/**
 * A daemon on the network. Its certificate has to be valid for the name it is called by.
 *
 * @param host its name and port
 * @param token the secret that says who asks
 * @param authorities a PEM file with the certificates to trust; empty for those that Java trusts
 */
record NetworkAddress(HttpHost host, String token, Optional<Path> authorities) implements DaemonAddress {
    private static final int DEFAULT_PORT = 8443;
    private static final int CONNECT_MILLIS = 10_000;

    /**
     * Reads what is needed; a {@link Failure} tells what is not as it should be.
     *
     * @param server {@code https://host:port}
     * @param tokenFile holds the secret and nothing else; null if none was named
     */
    static NetworkAddress of(String server, Path tokenFile, Optional<Path> authorities) {
        HttpHost host = host(server);
        if (tokenFile == null) {
            throw Failure.unusable(
                    "cannot ask " + server,
                    "no token is given",
                    "Name the file that holds it with --token-file or FLATSNAP_TOKEN_FILE");
        }
        return new NetworkAddress(host, token(tokenFile), authorities);
    }

    private static HttpHost host(String server) {
        try {
            URI uri = new URI(server);
            if ("https".equals(uri.getScheme())
                    && uri.getHost() != null
                    && uri.getUserInfo() == null
                    && (uri.getPath().isEmpty() || uri.getPath().equals("/"))) {
                return new HttpHost("https", uri.getHost(), uri.getPort() < 0 ? DEFAULT_PORT : uri.getPort());
            }
        } catch (URISyntaxException e) {
            throw badServer(server);
        }
        throw badServer(server);
    }

    private static Failure badServer(String server) {
        return Failure.unusable(
                "bad server '" + server + "'", "it is not https://host:port", "Write it like https://kvm1:8443");
    }

    private static String token(Path file) {
        try {
            if (Files.getPosixFilePermissions(file).contains(PosixFilePermission.OTHERS_READ)) {
                throw Failure.unusable(
                        "cannot use the token in " + file,
                        "everybody on this host can read it",
                        "Keep it to yourself: chmod 600 " + file);
            }
            String token = Files.readString(file).strip();
            if (token.isEmpty() || token.chars().anyMatch(c -> c <= ' ' || c > '~')) {
                throw Failure.unusable(
                        "cannot use the token in " + file,
                        "the file does not hold one token and nothing else",
                        "Put there what 'flatsnap token create' has printed");
            }
            return token;
        } catch (IOException e) {
            throw Failure.unusable(
                    "cannot read the token in " + file, e.toString(), "Check --token-file and FLATSNAP_TOKEN_FILE");
        }
    }

    @Override
    public DefaultBHttpClientConnection connect() throws IOException {
        Socket plain = new Socket();
        try {
            plain.connect(new InetSocketAddress(host.getHostName(), host.getPort()), CONNECT_MILLIS);
            SSLSocket secured = (SSLSocket)
                    context().getSocketFactory().createSocket(plain, host.getHostName(), host.getPort(), true);
            SSLParameters parameters = secured.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            secured.setSSLParameters(parameters);
            secured.startHandshake();
            DefaultBHttpClientConnection connection = new DefaultBHttpClientConnection(Http1Config.DEFAULT);
            connection.bind(secured);
            return connection;
        } catch (IOException e) {
            plain.close();
            throw Failure.unreachable(
                    this,
                    e,
                    e instanceof SSLException
                            ? "Name the certificate of the authority it is signed by with --ca-file, and the server as its"
                                    + " certificate does"
                            : "Check --server, and that flatsnapd listens there: [network] in its flatsnap.toml");
        } catch (RuntimeException e) {
            plain.close();
            throw e;
        }
    }

    private SSLContext context() throws IOException {
        if (authorities.isEmpty()) {
            return defaultContext();
        }
        Path file = authorities.get();
        try (InputStream in = Files.newInputStream(file)) {
            KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
            trusted.load(null, null);
            int number = 0;
            for (Certificate certificate :
                    CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                trusted.setCertificateEntry("ca" + number++, certificate);
            }
            TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            managers.init(trusted);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, managers.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException | IOException e) {
            throw Failure.unusable(
                    "cannot use the certificates in " + file, e.toString(), "Name a PEM file with --ca-file");
        }
    }

    private static SSLContext defaultContext() {
        try {
            return SSLContext.getDefault();
        } catch (GeneralSecurityException e) {
            throw Failure.unusable("cannot use TLS", e.toString(), "Check the certificates of this Java");
        }
    }

    @Override
    public void introduce(ClassicHttpRequest request) {
        request.addHeader("Authorization", "Bearer " + token);
    }

    /** Without the secret. */
    @Override
    public String toString() {
        return host.toURI();
    }
}
