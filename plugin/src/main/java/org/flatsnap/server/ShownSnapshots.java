package org.flatsnap.server;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import org.flatsnap.catalog.Page;
import org.flatsnap.engine.Engine;
import org.flatsnap.model.Json;
import org.flatsnap.model.Snapshot;

/** Snapshots as the API shows them: as they stand on storage, and {@code "orphaned": true} on those of which the manager lost sight. */
final class ShownSnapshots {
    private final Engine engine;

    ShownSnapshots(Engine engine) {
        this.engine = engine;
    }

    /** The object that is to be the answer. */
    Object of(Snapshot snapshot) {
        return engine.isOrphaned(snapshot) ? orphaned(snapshot) : snapshot;
    }

    /** The same for a page. */
    Object of(Page page) {
        if (page.snapshots().stream().noneMatch(engine::isOrphaned)) {
            return page;
        }
        JsonObject answer = Json.COMPACT.toJsonTree(page).getAsJsonObject();
        JsonArray shown = answer.getAsJsonArray("snapshots");
        for (int at = 0; at < shown.size(); at++) {
            if (engine.isOrphaned(page.snapshots().get(at))) {
                mark(shown.get(at).getAsJsonObject());
            }
        }
        return answer;
    }

    private static JsonObject orphaned(Snapshot snapshot) {
        JsonObject shown = Json.COMPACT.toJsonTree(snapshot).getAsJsonObject();
        mark(shown);
        return shown;
    }

    private static void mark(JsonObject shown) {
        shown.addProperty("orphaned", true);
    }
}
