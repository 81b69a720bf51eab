package org.flatsnap.store;

import java.nio.file.Path;
import java.util.Optional;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.model.Place;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Quoted;
import org.flatsnap.model.StoreId;

/** Where the configuration says a store is; {@link #toString()} is what people know it by. */
public sealed interface StorePlace {
    /**
     * A directory on a file system that clones files.
     *
     * @param host what this host is called among those that share the store; empty for the kernel's name of it
     */
    record Directory(Path path, Optional<String> host) implements StorePlace {
        /** Under the kernel's name of this host. */
        public Directory(Path path) {
            this(path, Optional.empty());
        }

        @Override
        public Store open(Optional<StoreId> known) {
            return ReflinkStore.open(path, known, host);
        }

        @Override
        public String toString() {
            return path.toString();
        }
    }

    /** A dataset of ZFS; volumes and file systems below it are disks. */
    record Dataset(DatasetName name) implements StorePlace {
        @Override
        public Store open(Optional<StoreId> known) {
            return ZfsStore.open(name, known);
        }

        @Override
        public boolean nests(StorePlace other) {
            return other instanceof Dataset inner && ZfsNames.below(inner.name(), name);
        }

        @Override
        public String toString() {
            return name.toString();
        }
    }

    /** Of what people say; a {@link Problem} if it names nothing that can be. */
    static StorePlace of(Place place) {
        if (place.directory()) {
            return new Directory(Path.of(place.value()));
        }
        try {
            return new Dataset(new DatasetName(place.value()));
        } catch (IllegalArgumentException e) {
            throw new Problem(
                    Problem.Code.INVALID,
                    "cannot use the store " + Quoted.of(place.value()),
                    String.valueOf(e.getMessage()),
                    "Name a directory such as /mnt/vms, or a ZFS dataset such as tank/vms",
                    e);
        }
    }

    /** Whether a store there would count another one's things as its own. */
    default boolean nests(StorePlace other) {
        return false;
    }

    /**
     * Opens the store, making it the first time.
     *
     * @param known the identity the store there is known to have, so that what lies under a missing mount is not taken for it;
     *     empty the first time
     * @throws Problem if it is out of reach, cannot do what is needed or is another store
     */
    Store open(Optional<StoreId> known);
}
