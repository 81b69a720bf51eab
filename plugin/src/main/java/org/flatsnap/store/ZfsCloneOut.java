package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.ZvolDevices;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** New disks that are clones. From the first moment each says for which VM it was made, until that VM is defined. */
final class ZfsCloneOut implements CloneOut {
    private static final Duration UDEV = Duration.ofSeconds(30);

    private final ZfsStore store;
    private final Staging staging;
    private final Optional<Path> companion;
    private final List<DatasetName> made = new ArrayList<>();
    private boolean kept;

    private static final Logger LOG = LoggerFactory.getLogger(ZfsCloneOut.class);

    /** For whom a clone was made; stands on it as {@link ZfsNames#CLONE}. */
    record Purpose(String owner, String node, VmId domain, Optional<String> companion) {
        Purpose {
            // Left by a version that did not write it.
            companion = companion == null ? Optional.empty() : companion;
            companion.ifPresent(CheckedFile::requirePath);
        }

        /** Nothing if flatsnap did not write it. */
        static Optional<Purpose> parse(String text) {
            try {
                return Optional.ofNullable(Json.COMPACT.fromJson(text, Purpose.class))
                        .filter(read -> read.owner != null && read.node != null && read.domain != null);
            } catch (RuntimeException e) {
                // Gson wraps what a constructor throws in exceptions without a type of their own.
                LOG.warn("a clone's purpose is not what flatsnap wrote, so it stays: {}", text, e);
                return Optional.empty();
            }
        }

        /**
         * What a dead owner left: the disk of a VM that was never defined goes, that of one that was stays.
         *
         * @return false if only another host can tell
         */
        boolean settle(ZfsStore store, DatasetName clone, Predicate<VmId> exists) throws IOException {
            if (!node.equals(store.layout().node())) {
                return false;
            }
            if (exists.test(domain)) {
                store.programs().inherit(clone, ZfsNames.CLONE);
            } else {
                if (companion.isPresent()) {
                    CloneOut.removeCompanion(Path.of(companion.get()), domain);
                }
                store.destroy(clone);
            }
            return true;
        }
    }

    ZfsCloneOut(ZfsStore store, Staging staging, Optional<Path> companion) {
        this.store = store;
        this.staging = staging;
        this.companion = companion;
    }

    void make(Snapshot snapshot, VmId domain, List<Store.Target> targets) throws IOException {
        Purpose purpose = new Purpose(
                staging.directory().getFileName().toString(),
                store.layout().node(),
                domain,
                companion.map(Path::toString));
        try {
            for (Store.Target target : targets) {
                make(snapshot.disk(target.disk()).orElseThrow(), target.path(), purpose);
            }
        } catch (IOException | Problem e) {
            for (DatasetName clone : made) {
                store.destroyAfter(e, clone);
            }
            throw e;
        }
    }

    private void make(DiskImage image, Path path, Purpose purpose) throws IOException {
        ZfsDisk source = store.disk(Path.of(image.source()));
        ZfsDisk target = source.sibling(childName(source, path));
        store.core().clone(store.locate(image), target.dataset(), Map.of(ZfsNames.CLONE, Json.COMPACT.toJson(purpose)));
        made.add(target.dataset());
        Map<String, String> properties = new LinkedHashMap<>();
        if (store.core().exists(source.dataset())) {
            ZfsSettings settings = ZfsSettings.of(store.programs(), source.dataset());
            properties.putAll(settings.carried());
            properties.putAll(settings.finishing());
        }
        if (source.isVolume()) {
            set(target.dataset(), properties);
            ZvolDevices.await(target.dataset(), UDEV);
        } else {
            String place = path.getParent().toString();
            properties.remove("mountpoint");
            if (!store.programs()
                    .properties(target.dataset(), "mountpoint")
                    .get("mountpoint")
                    .value()
                    .equals(place)) {
                properties.put("mountpoint", place);
            }
            set(target.dataset(), properties);
            store.mounted(target.dataset());
        }
    }

    private static String childName(ZfsDisk source, Path target) {
        Path name =
                source.isVolume() ? target.getFileName() : target.getParent().getFileName();
        return name.toString().replace('+', ' ');
    }

    private void set(DatasetName clone, Map<String, String> properties) throws IOException {
        if (!properties.isEmpty()) {
            store.programs().setProperties(clone, properties);
        }
    }

    @Override
    public void keep() {
        kept = true;
        store.attempt("cannot hand over the new disks", () -> {
            for (DatasetName clone : made) {
                store.programs().inherit(clone, ZfsNames.CLONE);
            }
        });
    }

    @Override
    public void leaveToRecovery() {
        kept = true;
        staging.keep();
    }

    @Override
    public void close() {
        store.attempt("cannot clear " + staging.directory(), () -> {
            try (staging) {
                if (!kept) {
                    if (companion.isPresent()) {
                        Files.deleteIfExists(companion.get());
                    }
                    for (DatasetName clone : made) {
                        store.destroy(clone);
                    }
                }
            }
        });
    }
}
