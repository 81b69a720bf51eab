package org.flatsnap.cli;

import java.util.ArrayList;
import java.util.List;

/** A search for snapshots, as the API takes it. */
final class Query {
    private final List<String> parameters = new ArrayList<>();

    /** Adds a parameter unless its value is null. */
    void add(String name, String value) {
        if (value != null) {
            parameters.add(name + "=" + DaemonClient.encoded(value));
        }
    }

    String path() {
        return "/v1/snapshots?" + String.join("&", parameters);
    }
}
