package org.flatsnap.engine;

import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Frees guard snapshots whose time has come and that nobody holds. */
final class ExpireGuards {
    private static final Logger LOG = LoggerFactory.getLogger(ExpireGuards.class);

    private final Catalog catalog;
    private final ChangeSnapshot changing;
    private final Clock clock;

    ExpireGuards(Catalog catalog, ChangeSnapshot changing, Clock clock) {
        this.catalog = catalog;
        this.changing = changing;
        this.clock = clock;
    }

    void run() {
        List<Snapshot> expired = new ArrayList<>();
        SnapshotQuery query = SnapshotQuery.ALL.limitedTo(1000);
        while (true) {
            Page page = catalog.query(query);
            page.snapshots().stream().filter(this::expired).forEach(expired::add);
            if (page.next().isEmpty()) {
                break;
            }
            query = query.from(page.next().get());
        }
        for (Snapshot guard : expired) {
            try {
                changing.delete(guard.vm().value(), guard.id().value(), going -> {}, step -> LOG.debug("{}", step));
                LOG.info("guard {} of VM {} has expired and was freed", guard.name(), guard.vmName());
            } catch (Problem e) {
                LOG.warn("guard {} of VM {} stays for now: {}", guard.name(), guard.vmName(), e.getMessage());
            }
        }
    }

    private boolean expired(Snapshot snapshot) {
        return !snapshot.labels().held()
                && snapshot.guard()
                        .map(guard -> guard.expiresAt().isBefore(clock.instant()))
                        .orElse(false);
    }
}
