package org.flatsnap.server;

import io.javalin.json.JsonMapper;
import java.lang.reflect.Type;
import org.flatsnap.model.Json;

/** Answers are written by the one codec. Requests are read by {@link RequestBody}, which is stricter than a mapper. */
final class GsonMapper implements JsonMapper {
    @Override
    public String toJsonString(Object value, Type type) {
        return Json.COMPACT.toJson(value, type);
    }
}
