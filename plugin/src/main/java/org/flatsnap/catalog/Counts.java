package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.flatsnap.model.Tag;

/** How many snapshots there are, and under each tag. What changes is kept in memory until it is written. */
final class Counts {
    private static final String ALL = "";

    private final Table counts;
    private final Map<String, Long> changed = new TreeMap<>();

    Counts(Table counts) {
        this.counts = counts;
    }

    long total() {
        return of(ALL);
    }

    long of(Tag tag) {
        return of(tag.value());
    }

    /** Those that a snapshot has, in the order of their bytes. */
    List<Tag> tags() {
        Set<Tag> tags = new HashSet<>();
        counts.walk().forEachRemaining(entry -> add(tags, new String(entry.getKey(), StandardCharsets.UTF_8)));
        changed.keySet().forEach(word -> add(tags, word));
        return tags.stream()
                .filter(tag -> of(tag) > 0)
                .sorted((a, b) -> Arrays.compareUnsigned(key(a.value()), key(b.value())))
                .toList();
    }

    private static void add(Set<Tag> tags, String word) {
        if (!word.equals(ALL)) {
            tags.add(new Tag(word));
        }
    }

    private long of(String word) {
        Long count = changed.get(word);
        return count != null
                ? count
                : counts.get(key(word))
                        .map(value -> ByteBuffer.wrap(value).getLong())
                        .orElse(0L);
    }

    /** Counts a snapshot with these tags, or takes it back. */
    void add(Iterable<Tag> tags, int change) {
        changed.put(ALL, total() + change);
        tags.forEach(tag -> changed.put(tag.value(), of(tag) + change));
    }

    /** Puts what has changed into the table. */
    void write() {
        if (changed.isEmpty()) {
            return;
        }
        changed.forEach((word, count) -> {
            if (count == 0) {
                counts.remove(key(word));
            } else {
                counts.put(
                        key(word),
                        ByteBuffer.allocate(Long.BYTES).putLong(count).array());
            }
        });
        changed.clear();
    }

    private static byte[] key(String word) {
        return word.getBytes(StandardCharsets.UTF_8);
    }
}
