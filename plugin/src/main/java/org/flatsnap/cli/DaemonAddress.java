package org.flatsnap.cli;

import java.io.IOException;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.impl.io.DefaultBHttpClientConnection;

/** Where a daemon answers, and what it takes to be let in. */
sealed interface DaemonAddress permits SocketAddress, NetworkAddress {
    /** What requests are addressed to. */
    HttpHost host();

    /** Connects; a {@link Failure} tells why it cannot. */
    DefaultBHttpClientConnection connect() throws IOException;

    /** Adds what says who asks. */
    void introduce(ClassicHttpRequest request);
}
