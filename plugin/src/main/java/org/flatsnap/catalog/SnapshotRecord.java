package org.flatsnap.catalog;

import java.nio.charset.StandardCharsets;
import org.flatsnap.model.Json;
import org.flatsnap.model.Snapshot;

/** A snapshot as the catalog keeps it: its JSON on one line, in UTF-8. */
final class SnapshotRecord {
    private SnapshotRecord() {}

    static byte[] bytes(Snapshot snapshot) {
        return Json.COMPACT.toJson(snapshot).getBytes(StandardCharsets.UTF_8);
    }

    static Snapshot parse(byte[] bytes) {
        try {
            return Json.COMPACT.fromJson(new String(bytes, StandardCharsets.UTF_8), Snapshot.class);
        } catch (RuntimeException e) {
            throw new Damage("a record cannot be read", e);
        }
    }
}
