package org.flatsnap.store;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.FileIdentity;
import org.flatsnap.linux.Reflink;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;

/**
 * New files outside {@code .flatsnap}. A durable plan stands in staging before the first one appears, and each is a hard link
 * to its staged clone, so that recovery removes exactly what this operation made.
 */
final class ReflinkCloneOut implements CloneOut {
    private static final String PLAN = "clone.json";

    private final ReflinkStore store;
    private final Staging staging;
    private final Plan plan;
    private boolean kept;

    /** What recovery needs to know. */
    private record Plan(String node, VmId domain, List<Link> links, Optional<String> companion) {

        private Plan {
            requireNonNull(node, "node");
            requireNonNull(domain, "domain");
            links = List.copyOf(links);
            // Left by a version that did not write it.
            companion = requireNonNullElse(companion, Optional.empty());
            companion.ifPresent(CheckedFile::requirePath);
        }
    }

    private record Link(String staged, String target) {
        private Link {
            CheckedFile.requirePath(staged);
            CheckedFile.requirePath(target);
        }
    }

    private ReflinkCloneOut(ReflinkStore store, Staging staging, Plan plan) {
        this.store = store;
        this.staging = staging;
        this.plan = plan;
    }

    static CloneOut make(
            ReflinkStore store,
            Staging staging,
            Snapshot snapshot,
            VmId domain,
            List<Store.Target> targets,
            Optional<Path> companion)
            throws IOException {
        List<Link> links = new ArrayList<>();
        for (Store.Target target : targets) {
            Path staged = staging.directory().resolve(Layout.fileName(target.disk()));
            Reflink.cloneFile(store.layout().image(snapshot.vm(), snapshot.id(), target.disk()), staged);
            Path live = Path.of(snapshot.disk(target.disk()).orElseThrow().source());
            if (Files.exists(live)) {
                FileIdentity.copy(live, staged);
            }
            Durability.sync(staged);
            links.add(new Link(staged.getFileName().toString(), target.path().toString()));
        }
        ReflinkCloneOut clone = new ReflinkCloneOut(
                store, staging, new Plan(store.layout().node(), domain, links, companion.map(Path::toString)));
        CheckedFile.create(staging.directory().resolve(PLAN), clone.plan);
        Durability.sync(staging.directory());
        Durability.sync(store.layout().staging());
        try {
            for (Link link : links) {
                Path target = Path.of(link.target());
                store.volumes().link(staging.directory().resolve(link.staged()), target);
            }
        } catch (IOException e) {
            clone.unlink();
            throw e;
        }
        return clone;
    }

    /**
     * What a dead owner left: the files of a VM that was never defined go, those of one that was stay.
     *
     * @return false if only another host can tell
     */
    static boolean recover(ReflinkStore store, Staging staging, Predicate<VmId> exists) throws IOException {
        Path file = staging.directory().resolve(PLAN);
        if (Files.exists(file)) {
            Plan plan = CheckedFile.read(file, Plan.class);
            if (!plan.node().equals(store.layout().node())) {
                return false;
            }
            if (!exists.test(plan.domain())) {
                ReflinkCloneOut clone = new ReflinkCloneOut(store, staging, plan);
                clone.requireOwn(file);
                clone.unlink();
            }
        }
        return true;
    }

    /** Who may write the plan may not be who owns the files. */
    private void requireOwn(Path file) {
        for (Link link : plan.links()) {
            Path staged = staging.directory().resolve(link.staged()).normalize();
            if (!staging.directory().equals(staged.getParent()) || !store.mayHold(Path.of(link.target()))) {
                throw CheckedFile.damaged(
                        file,
                        "it says that " + link.target() + " was made of " + link.staged()
                                + ", and flatsnap makes disks of this store of what it staged here",
                        null);
            }
        }
        plan.companion().map(Path::of).ifPresent(companion -> {
            if (!CloneOut.isCompanion(companion, plan.domain())) {
                throw CheckedFile.damaged(file, companion + " is not the NVRAM of VM " + plan.domain(), null);
            }
        });
    }

    private void unlink() throws IOException {
        for (Link link : plan.links()) {
            Path target = Path.of(link.target());
            try {
                if (Files.isSameFile(target, staging.directory().resolve(link.staged()))) {
                    store.volumes().unlink(target);
                }
            } catch (NoSuchFileException e) {
                // Never made, which is what is wanted.
            }
        }
        if (plan.companion().isPresent()) {
            CloneOut.removeCompanion(Path.of(plan.companion().get()), plan.domain());
        }
    }

    @Override
    public void keep() {
        kept = true;
    }

    @Override
    public void leaveToRecovery() {
        kept = true;
        staging.keep();
    }

    @Override
    public void close() {
        store.attempt("cannot clear " + staging.directory(), () -> {
            if (!kept) {
                unlink();
            }
            staging.close();
            // A plan that came back would take the disks away from whoever undefines the VM and keeps them.
            Durability.sync(store.layout().staging());
        });
    }
}
