package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;
import java.util.UUID;
import org.flatsnap.linux.Durability;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.StoreId;

/** What {@code store.json} holds: which store this is. */
record StoreIdentity(StoreId id) {

    /**
     * Reads it, or makes the store the first time.
     *
     * @param known the identity the store at this directory is known to have
     */
    static StoreIdentity readOrMake(String what, Layout layout, Optional<StoreId> known) throws IOException {
        if (!Files.exists(layout.identity())) {
            if (known.isPresent()) {
                throw notTheStore(what, known.get());
            }
            make(what, layout);
        }
        if (!layout.isOwn()) {
            throw new Problem(
                    Code.REFUSED,
                    what,
                    layout.base() + " is a link, or others than the user of flatsnapd own it or may write to it",
                    "What lies there decides what is moved and removed. If you know that nobody tampered with it: chown and"
                            + " chmod go-w " + layout.base());
        }
        StoreIdentity identity = CheckedFile.read(layout.identity(), StoreIdentity.class);
        if (known.isPresent() && !known.get().equals(identity.id())) {
            throw notTheStore(what, known.get());
        }
        return identity;
    }

    /** Refuses if another store, or none, lies there now. */
    void require(String what, Layout layout) throws IOException {
        if (!Files.exists(layout.identity())
                || !CheckedFile.read(layout.identity(), StoreIdentity.class).equals(this)) {
            throw notTheStore(what, id);
        }
    }

    private static void make(String what, Layout layout) throws IOException {
        layout.create();
        if (!Layout.entries(layout.vms()).isEmpty()) {
            throw new Problem(
                    Code.INTERNAL,
                    what,
                    "it holds snapshots and its identity file " + layout.identity() + " is gone",
                    "Restore that file from a backup; the id is the value of 'home' in any snapshot.json");
        }
        CheckedFile.replace(layout.identity(), new StoreIdentity(new StoreId(UUID.randomUUID())));
        Durability.sync(layout.base().getParent());
    }

    static Problem notTheStore(String what, StoreId known) {
        return new Problem(
                Code.UNAVAILABLE,
                what,
                "what lies there is not the store " + known + " that was there before: its file system is not mounted",
                "Mount it; if the store was given up for good, remove it from stores.json in the state directory");
    }
}
