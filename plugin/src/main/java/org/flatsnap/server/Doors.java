package org.flatsnap.server;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.flatsnap.access.AccessRule;

/**
 * Where the API answers, and who may come in.
 *
 * @param socket the absolute path of the unix socket
 * @param socketGroup the group whose members may connect to it; empty for the daemon's own
 * @param rules what users of this host may do
 * @param network where it answers on the network as well, to those who have a token; empty for nowhere
 */
public record Doors(Path socket, Optional<String> socketGroup, List<AccessRule> rules, Optional<Network> network) {
    /** Checks that nothing is missing. */
    public Doors {
        requireNonNull(socket, "socket");
        requireNonNull(socketGroup, "socketGroup");
        rules = List.copyOf(rules);
        requireNonNull(network, "network");
    }

    /** The unix socket alone, for root and the daemon's user. */
    public static Doors socket(Path socket) {
        return new Doors(socket, Optional.empty(), List.of(), Optional.empty());
    }
}
