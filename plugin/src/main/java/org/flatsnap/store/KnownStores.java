package org.flatsnap.store;

import static java.util.Objects.requireNonNullElse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.flatsnap.model.Place;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.StoreId;

/**
 * Which store was last at which place, remembered in a file of this host, so that an empty directory under a missing
 * mount is never taken for a new store; and the places that the configuration does not name, because they were made known to
 * the running daemon. For one thread at a time.
 */
public final class KnownStores {
    private final Path file;
    private final Places content;

    private record Places(TreeMap<String, StoreId> stores, TreeSet<String> added) {
        private Places {
            // Left by a version that did not write it.
            added = requireNonNullElse(added, new TreeSet<>());
        }
    }

    private KnownStores(Path file, Places content) {
        this.file = file;
        this.content = content;
    }

    /** Reads the file, which need not exist yet. */
    public static KnownStores read(Path file) {
        try {
            Places content = Files.exists(file)
                    ? CheckedFile.read(file, Places.class)
                    : new Places(new TreeMap<>(Map.of()), new TreeSet<>());
            return new KnownStores(file, content);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    /** The store that was last there. */
    public Optional<StoreId> at(StorePlace place) {
        return Optional.ofNullable(content.stores().get(place.toString()));
    }

    /** Remembers, durably, the store at a place. */
    public void remember(StorePlace place, StoreId id) {
        if (!id.equals(content.stores().put(place.toString(), id))) {
            write();
        }
    }

    /** The places that were made known. */
    public Set<Place> added() {
        Set<Place> places = new TreeSet<>();
        content.added().forEach(text -> places.add(new Place(text)));
        return places;
    }

    /** Remembers, durably, a place that the configuration does not name. */
    public void add(StorePlace place) {
        if (content.added().add(place.toString())) {
            write();
        }
    }

    /** Forgets, durably, a place that was made known, and what was there: something else may be there when it is known again. */
    public void forget(StorePlace place) {
        if (content.added().remove(place.toString())) {
            content.stores().remove(place.toString());
            write();
        }
    }

    private void write() {
        try {
            CheckedFile.replace(file, content);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    private static Problem failure(Path file, IOException e) {
        return new Problem(
                Code.UNAVAILABLE,
                "cannot remember the stores in " + file,
                String.valueOf(e.getMessage()),
                "Make room on its file system and check that it is writable",
                e);
    }
}
