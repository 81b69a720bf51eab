package org.flatsnap.server;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;

/**
 * Where the API answers on the network.
 *
 * @param host the address or name of the interface, {@code 0.0.0.0} or {@code ::} for all
 * @param port 0 for any that is free
 * @param certificate a PEM file: the server's certificate, and behind it those of the authorities between it and the root
 * @param key a PEM file with its private key, PKCS #8 and not encrypted
 */
public record Network(String host, int port, Path certificate, Path key) {
    /** Checks that nothing is missing. */
    public Network {
        requireNonNull(host, "host");
        requireNonNull(certificate, "certificate");
        requireNonNull(key, "key");
    }

    @Override
    public String toString() {
        return host.contains(":") ? "[" + host + "]:" + port : host + ":" + port;
    }
}
