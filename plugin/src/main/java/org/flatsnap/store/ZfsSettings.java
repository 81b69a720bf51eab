package org.flatsnap.store;

import static java.util.Objects.requireNonNull;

import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.Property;
import org.flatsnap.linux.zfs.Property.Source;
import org.flatsnap.linux.zfs.ZfsPrograms;
import org.flatsnap.model.Json;

/**
 * What an administrator set on a disk's dataset, to be carried over to the clone that takes its place: a clone has none of its
 * origin's own properties.
 *
 * @param carried can be set at once
 * @param finishing can be set only when the clone is in place: what is reserved twice may not fit, and two file systems
 *     cannot be mounted at one place
 */
record ZfsSettings(Map<String, String> carried, Map<String, String> finishing) {
    private static final Set<String> FINISHING = Set.of("refreservation", "reservation", "mountpoint", "canmount");

    /** Follow from the origin, or were settled when the dataset was made. */
    private static final Set<String> SETTLED = Set.of(
            "volsize",
            "volblocksize",
            "casesensitivity",
            "normalization",
            "utf8only",
            "version",
            "encryption",
            "keylocation",
            "keyformat",
            "pbkdf2iters");

    static ZfsSettings of(ZfsPrograms programs, DatasetName dataset) throws IOException {
        Map<String, String> carried = new LinkedHashMap<>();
        Map<String, String> finishing = new LinkedHashMap<>();
        Map<String, Property> properties = programs.properties(dataset);
        for (Map.Entry<String, Property> property : properties.entrySet()) {
            String name = property.getKey();
            Source source = property.getValue().source();
            if (source != Source.LOCAL && source != Source.RECEIVED
                    || SETTLED.contains(name)
                    || name.startsWith(ZfsNames.PROPERTIES)
                    || name.equals("snapdev") && properties.containsKey(ZfsNames.READER)) {
                continue;
            }
            (FINISHING.contains(name) ? finishing : carried)
                    .put(name, property.getValue().value());
        }
        return new ZfsSettings(carried, finishing);
    }

    static String encode(Map<String, String> settings) {
        return Json.COMPACT.toJson(settings);
    }

    /** @throws IOException if flatsnap did not write it */
    static Map<String, String> decode(String text) throws IOException {
        try {
            Map<String, String> settings =
                    Json.COMPACT.fromJson(text, new TypeToken<LinkedHashMap<String, String>>() {});
            settings.values().forEach(value -> requireNonNull(value, "value"));
            return settings;
        } catch (JsonParseException | NullPointerException e) {
            throw new IOException("the property " + ZfsNames.FINISH + " is not what flatsnap wrote: " + text, e);
        }
    }
}
