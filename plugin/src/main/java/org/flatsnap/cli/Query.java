package org.flatsnap.cli;

import java.util.ArrayList;
import java.util.List;

/** A path of the API with parameters. */
final class Query {
    private final String path;
    private final List<String> parameters = new ArrayList<>();

    Query(String path) {
        this.path = path;
    }

    /** Adds a parameter unless its value is null. */
    void add(String name, String value) {
        if (value != null) {
            parameters.add(name + "=" + DaemonClient.encoded(value));
        }
    }

    String path() {
        return parameters.isEmpty() ? path : path + "?" + String.join("&", parameters);
    }
}
