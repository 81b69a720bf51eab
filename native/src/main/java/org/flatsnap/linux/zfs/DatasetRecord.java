package org.flatsnap.linux.zfs;

import java.util.Map;
import java.util.Optional;

/**
 * A dataset or snapshot as {@link ZfsPrograms#list} found it.
 *
 * @param name its name at that moment
 * @param type what it is
 * @param guid its unsigned 64-bit number, which it keeps when renamed and promoted, and when sent to another pool
 * @param properties those asked for that it has, by name
 */
public record DatasetRecord(ZfsName name, DatasetType type, long guid, Map<String, Property> properties) {
    public DatasetRecord {
        properties = Map.copyOf(properties);
    }

    /** One of the properties asked for. */
    public Optional<Property> property(String property) {
        return Optional.ofNullable(properties.get(property));
    }
}
