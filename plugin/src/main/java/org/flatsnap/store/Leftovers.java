package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.flatsnap.linux.Flock;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What interrupted operations left in a store: staging without an owner, intents that were never written to the end, and
 * snapshots unpublished and not yet freed.
 */
final class Leftovers {
    private static final Logger LOG = LoggerFactory.getLogger(Leftovers.class);

    private final ReflinkStore store;
    private final Predicate<VmId> exists;
    private boolean waiting;

    /** @param exists whether a VM is defined on this host */
    Leftovers(ReflinkStore store, Predicate<VmId> exists) {
        this.store = store;
        this.exists = exists;
    }

    /** @return false if something stays until {@code exists} can tell */
    boolean clear() throws IOException {
        clearStaging();
        store.clearUnwrittenIntents();
        for (Path vm : Layout.entries(store.layout().vms())) {
            if (VmId.looksLikeOne(vm.getFileName().toString())) {
                free(new VmId(vm.getFileName().toString()));
            }
        }
        return !waiting;
    }

    private void free(VmId vm) throws IOException {
        List<Path> unpublished = Layout.entries(store.layout().deleted(vm));
        if (unpublished.isEmpty()) {
            return;
        }
        Optional<Flock> lock = Flock.tryLock(store.layout().lock(vm));
        if (lock.isPresent()) {
            try (Flock held = lock.get()) {
                for (Path directory : unpublished) {
                    Staging.deleteTree(directory);
                }
            }
        }
    }

    /** @return whether something was removed */
    boolean clearStaging() throws IOException {
        boolean removed = false;
        for (Path directory : Layout.entries(store.layout().staging())) {
            removed |= clearStaging(directory);
        }
        return removed;
    }

    private boolean clearStaging(Path directory) throws IOException {
        Optional<Staging> abandoned = Staging.adopt(directory);
        if (abandoned.isEmpty()) {
            // Its owner lives and will clear it.
            return false;
        }
        try (Staging staging = abandoned.get()) {
            try {
                // Looked at only now: an intent is written before its staging is let go.
                if (wanted(directory) || !ReflinkCloneOut.recover(store, staging, exists)) {
                    staging.keep();
                    return false;
                }
                store.volumes().recover(staging);
                LOG.info("cleared {}, left by an interrupted operation", directory);
                return true;
            } catch (Problem e) {
                staging.keep();
                waiting = true;
                LOG.warn("{} stays until it can be told what it belongs to: {}", directory, e.getMessage());
                return false;
            }
        }
    }

    private boolean wanted(Path directory) {
        List<Problem> damaged = new ArrayList<>();
        boolean named = store.intents(damaged::add).stream()
                .anyMatch(intent -> store.stagingOf(intent).contains(directory));
        // An intent that cannot be read may name it.
        return named || !damaged.isEmpty();
    }
}
