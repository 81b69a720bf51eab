package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.StoreId;

/**
 * Which store was last at which directory, remembered in a file of this host, so that an empty directory under a missing
 * mount is never taken for a new store. For one thread at a time.
 */
public final class KnownStores {
    private final Path file;
    private final Content content;

    private record Content(TreeMap<String, StoreId> stores) {}

    private KnownStores(Path file, Content content) {
        this.file = file;
        this.content = content;
    }

    /** Reads the file, which need not exist yet. */
    public static KnownStores read(Path file) {
        try {
            Content content =
                    Files.exists(file) ? CheckedFile.read(file, Content.class) : new Content(new TreeMap<>(Map.of()));
            return new KnownStores(file, content);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    /** The store that was last at a directory. */
    public Optional<StoreId> at(Path directory) {
        return Optional.ofNullable(content.stores().get(directory.toString()));
    }

    /** Remembers, durably, the store at a directory. */
    public void remember(Path directory, StoreId id) {
        if (!id.equals(content.stores().put(directory.toString(), id))) {
            try {
                CheckedFile.replace(file, content);
            } catch (IOException e) {
                throw failure(file, e);
            }
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
