package org.flatsnap.engine;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Frees snapshots whose time has come and that nobody holds: guards, and those all of whose disks are gone. */
final class ExpireSnapshots {
    private static final Logger LOG = LoggerFactory.getLogger(ExpireSnapshots.class);

    private final Catalog catalog;
    private final ChangeSnapshot changing;
    private final Clock clock;
    private final Duration grace;

    /** @param grace how long a snapshot stays when all its disks are gone */
    ExpireSnapshots(Catalog catalog, ChangeSnapshot changing, Clock clock, Duration grace) {
        this.catalog = catalog;
        this.changing = changing;
        this.clock = clock;
        this.grace = grace;
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
        for (Snapshot due : expired) {
            try {
                changing.delete(due.vm().value(), due.id().value(), going -> {}, step -> LOG.debug("{}", step));
                LOG.info("snapshot {} of VM {} has expired and was freed", due.name(), due.vmName());
            } catch (Problem e) {
                LOG.warn("snapshot {} of VM {} stays for now: {}", due.name(), due.vmName(), e.getMessage());
            }
        }
    }

    private boolean expired(Snapshot snapshot) {
        return !snapshot.labels().held()
                && (over(snapshot.guard().map(Snapshot.Guard::expiresAt))
                        || over(snapshot.labels().retired().map(since -> since.plus(grace))));
    }

    private boolean over(Optional<Instant> end) {
        return end.filter(moment -> !moment.isAfter(clock.instant())).isPresent();
    }
}
