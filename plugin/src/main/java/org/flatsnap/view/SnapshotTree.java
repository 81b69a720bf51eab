package org.flatsnap.view;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Order;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.catalog.VmEntry;
import org.flatsnap.engine.Engine;
import org.flatsnap.fuseview.Attributes;
import org.flatsnap.fuseview.Directory;
import org.flatsnap.fuseview.DirectoryEntry;
import org.flatsnap.fuseview.Node;
import org.flatsnap.fuseview.SymbolicLink;
import org.flatsnap.fuseview.Tree;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.store.Content;

/**
 * The tree of all snapshots:
 *
 * <pre>
 * /&lt;vm&gt;/&lt;yyyy-mm-dd&gt;/&lt;name&gt;/snapshot.json
 *                          domain.xml
 *                          nvram.fd            if the VM has one
 *                          disks/&lt;disk&gt;.raw
 * /&lt;vm&gt;/latest -> &lt;yyyy-mm-dd&gt;/&lt;name&gt;
 * </pre>
 *
 * <p>{@link ViewAccess} says who may read what. Safe for use by several threads.
 */
public final class SnapshotTree implements Tree {
    private static final String LATEST = "latest";
    private static final String DISKS = "disks";

    private final Catalog catalog;
    private final Engine engine;
    private final ZoneId zone;
    private final ViewAccess access;
    private final VmLabels labels;

    /** @param zone in which a snapshot's date is told */
    public SnapshotTree(Catalog catalog, Engine engine, ZoneId zone) {
        this(catalog, engine, zone, ViewAccess.ROOTS);
    }

    /** The same for others than root. */
    public SnapshotTree(Catalog catalog, Engine engine, ZoneId zone, ViewAccess access) {
        this.catalog = catalog;
        this.engine = engine;
        this.zone = zone;
        this.access = access;
        this.labels = new VmLabels(catalog);
    }

    @Override
    public Directory root() {
        return new Root();
    }

    private LocalDate date(Instant moment) {
        return LocalDate.ofInstant(moment, zone);
    }

    private final class Root implements Directory {
        @Override
        public Attributes attributes() {
            return Inodes.directory(
                    access,
                    "root",
                    catalog.vms().stream()
                            .map(VmEntry::newestTakenAt)
                            .max(Instant::compareTo)
                            .orElse(Instant.EPOCH));
        }

        @Override
        public Optional<Node> child(String name) {
            return labels.find(name).map(VmDirectory::new);
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            labels.forEach((label, vm) ->
                    consumer.accept(new DirectoryEntry(label, Node.Kind.DIRECTORY, Inodes.number("vm", vm))));
        }
    }

    private final class VmDirectory implements Directory {
        private final VmId vm;

        VmDirectory(VmId vm) {
            this.vm = vm;
        }

        @Override
        public Attributes attributes() throws IOException {
            return Inodes.directory(access, "vm", newest().takenAt(), vm);
        }

        private Snapshot newest() throws IOException {
            return catalog.newest(vm).orElseThrow(() -> new NoSuchFileException(vm.value()));
        }

        @Override
        public Optional<Node> child(String name) {
            if (name.equals(LATEST)) {
                return catalog.newest(vm).map(Latest::new);
            }
            return parse(name)
                    .filter(day -> firstFrom(day)
                            .filter(snapshot -> date(snapshot.takenAt()).equals(day))
                            .isPresent())
                    .map(day -> new DayDirectory(vm, day));
        }

        private Optional<LocalDate> parse(String name) {
            try {
                LocalDate day = LocalDate.parse(name);
                // One spelling only: "+02026-11-22" is a date to the parser too.
                return day.toString().equals(name) ? Optional.of(day) : Optional.empty();
            } catch (DateTimeParseException e) {
                return Optional.empty();
            }
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) throws IOException {
            Snapshot newest = newest();
            consumer.accept(new DirectoryEntry(LATEST, Node.Kind.SYMBOLIC_LINK, Inodes.number(LATEST, vm)));
            LocalDate last = date(newest.takenAt());
            // From day to day by one look-up each, however many snapshots a day has.
            Optional<Snapshot> next = firstFrom(LocalDate.ofEpochDay(0));
            while (next.isPresent()) {
                LocalDate day = date(next.get().takenAt());
                consumer.accept(new DirectoryEntry(day.toString(), Node.Kind.DIRECTORY, Inodes.number("day", vm, day)));
                next = day.isBefore(last) ? firstFrom(day.plusDays(1)) : Optional.empty();
            }
        }

        private Optional<Snapshot> firstFrom(LocalDate day) {
            SnapshotQuery query = SnapshotQuery.ALL
                    .ofVms(Set.of(vm))
                    .after(day.atStartOfDay(zone).toInstant())
                    .ordered(Order.OLDEST_FIRST)
                    .limitedTo(1);
            return catalog.query(query).snapshots().stream().findFirst();
        }
    }

    private final class Latest implements SymbolicLink {
        private final Snapshot snapshot;

        Latest(Snapshot snapshot) {
            this.snapshot = snapshot;
        }

        @Override
        public String target() {
            return date(snapshot.takenAt()) + "/" + snapshot.name();
        }

        @Override
        public Attributes attributes() {
            return Inodes.link(access, LATEST, target(), snapshot.takenAt(), snapshot.vm());
        }
    }

    private final class DayDirectory implements Directory {
        private final VmId vm;
        private final LocalDate day;

        DayDirectory(VmId vm, LocalDate day) {
            this.vm = vm;
            this.day = day;
        }

        private List<Snapshot> snapshots() {
            return catalog.between(
                    vm,
                    day.atStartOfDay(zone).toInstant(),
                    day.plusDays(1).atStartOfDay(zone).toInstant());
        }

        @Override
        public Attributes attributes() {
            Instant newest = snapshots().stream()
                    .map(Snapshot::takenAt)
                    .max(Instant::compareTo)
                    .orElse(day.atStartOfDay(zone).toInstant());
            return Inodes.directory(access, "day", newest, vm, day);
        }

        @Override
        public Optional<Node> child(String name) {
            try {
                SnapshotName wanted = new SnapshotName(name);
                return catalog.find(vm, wanted)
                        .filter(snapshot -> wanted.value().equals(name)
                                && date(snapshot.takenAt()).equals(day))
                        .map(SnapshotDirectory::new);
            } catch (Problem e) {
                if (e.code() == Problem.Code.INVALID) {
                    return Optional.empty();
                }
                throw e;
            }
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            for (Snapshot snapshot : snapshots()) {
                consumer.accept(new DirectoryEntry(
                        snapshot.name().value(), Node.Kind.DIRECTORY, Inodes.number("snapshot", snapshot.id())));
            }
        }
    }

    private final class SnapshotDirectory implements Directory {
        private final Snapshot snapshot;

        SnapshotDirectory(Snapshot snapshot) {
            this.snapshot = snapshot;
        }

        @Override
        public Attributes attributes() {
            return Inodes.directory(access, "snapshot", snapshot.takenAt(), snapshot.id());
        }

        @Override
        public Optional<Node> child(String name) {
            return switch (name) {
                case DISKS -> Optional.of(new DisksDirectory(snapshot));
                case StoredFile.METADATA ->
                    Optional.of(new StoredFile(
                            Inodes.number(name, snapshot.id()),
                            access,
                            access.metadata(),
                            () -> engine.metadata(snapshot)));
                case Snapshot.DEFINITION_FILE ->
                    Optional.of(snapshot)
                            .filter(own -> own.foreign().isEmpty())
                            .map(own -> saved(name, access.definition()));
                case Snapshot.FIRMWARE_FILE -> snapshot.firmware().map(path -> saved(name, access.image()));
                default -> Optional.empty();
            };
        }

        private Node saved(String name, int permissions) {
            return new StoredFile(
                    Inodes.number(name, snapshot.id()),
                    access,
                    permissions,
                    () -> Content.of(engine.savedFile(snapshot, name)));
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            consumer.accept(new DirectoryEntry(DISKS, Node.Kind.DIRECTORY, Inodes.number(DISKS, snapshot.id())));
            accept(consumer, StoredFile.METADATA);
            if (snapshot.foreign().isEmpty()) {
                accept(consumer, Snapshot.DEFINITION_FILE);
            }
            snapshot.firmware().ifPresent(path -> accept(consumer, Snapshot.FIRMWARE_FILE));
        }

        private void accept(Consumer<DirectoryEntry> consumer, String name) {
            consumer.accept(new DirectoryEntry(name, Node.Kind.REGULAR_FILE, Inodes.number(name, snapshot.id())));
        }
    }

    private final class DisksDirectory implements Directory {
        private static final String SUFFIX = ".raw";
        private final Snapshot snapshot;

        DisksDirectory(Snapshot snapshot) {
            this.snapshot = snapshot;
        }

        @Override
        public Attributes attributes() {
            return Inodes.directory(access, DISKS, snapshot.takenAt(), snapshot.id());
        }

        @Override
        public Optional<Node> child(String name) {
            return snapshot.disks().stream()
                    .filter(image -> fileName(image).equals(name))
                    .findFirst()
                    .map(image -> new StoredFile(
                            Inodes.number(name, snapshot.id()),
                            access,
                            access.image(),
                            () -> engine.image(snapshot, image.disk())));
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            for (DiskImage image : snapshot.disks()) {
                consumer.accept(new DirectoryEntry(
                        fileName(image), Node.Kind.REGULAR_FILE, Inodes.number(fileName(image), snapshot.id())));
            }
        }

        private static String fileName(DiskImage image) {
            return image.disk() + SUFFIX;
        }
    }
}
