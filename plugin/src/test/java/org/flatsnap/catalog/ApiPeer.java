package org.flatsnap.catalog;

import com.google.gson.JsonElement;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.flatsnap.cli.SocketClient;
import org.flatsnap.model.Snapshot;

/** A daemon that serves the catalog, asked as the command line asks it: each question over a connection of its own. */
final class ApiPeer implements Peer {
    static final String SOCKET = "daemon/flatsnapd.sock";

    private final SocketClient client;

    ApiPeer(Path directory) {
        this.client = new SocketClient(directory.resolve(SOCKET));
    }

    @Override
    public List<JsonElement> answer(Question.Asked asked) {
        return asked.question() == Question.POINT
                ? List.of(client.get("/v1/vms/" + asked.vm() + "/snapshots/" + asked.id()))
                : client.get(path(asked.query())).getAsJsonArray("snapshots").asList();
    }

    private static String path(SnapshotQuery query) {
        List<String> parameters = new ArrayList<>();
        parameters.add("limit=" + query.limit());
        parameters.add("order=" + query.order().name().toLowerCase(Locale.ROOT).replace("_first", ""));
        Stream.of(
                        parameter("vm", query.vms().stream().findFirst()),
                        parameter("after", query.after()),
                        parameter("before", query.before()),
                        parameter("name", query.name()),
                        parameter("text", query.text()))
                .flatMap(Optional::stream)
                .forEach(parameters::add);
        query.tags().forEach(tag -> parameters.add("tag=" + tag));
        return "/v1/snapshots?" + String.join("&", parameters);
    }

    private static Optional<String> parameter(String name, Optional<?> value) {
        return value.map(text -> name + "=" + SocketClient.encoded(text.toString()));
    }

    @Override
    public void insert(Snapshot snapshot) {
        throw new UnsupportedOperationException("the API takes snapshots of VMs only");
    }

    @Override
    public void close() {
        // Each question has closed its connection.
    }
}
