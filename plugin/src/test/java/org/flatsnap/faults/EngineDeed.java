package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.flatsnap.engine.CloneResult;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Housekeeping;
import org.flatsnap.engine.RollbackRequest;
import org.flatsnap.engine.RollbackResult;
import org.flatsnap.engine.TakeRequest;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmName;
import org.flatsnap.store.Content;
import org.flatsnap.store.ZfsStorage;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.ReflinkStorage;
import org.flatsnap.testing.RunningGuest;

/** One request to the engine of an {@link EngineWorld}, and what must be true of it however often that died meanwhile. */
abstract class EngineDeed {
    // errno.h
    private static final int EIO = 5;

    private final String title;
    private final EngineWorld world;

    EngineDeed(String title, EngineWorld world) {
        this.title = title;
        this.world = world;
    }

    final String title() {
        return title;
    }

    final EngineWorld world() {
        return world;
    }

    /** Brings about what it needs; nobody dies in that. */
    void prepare() throws Exception {}

    /** Does it; what it gives is the same for the same operation. */
    abstract Object act(Engine engine, OperationId operation) throws Exception;

    /** A call that fails with this errno. */
    Optional<Failure> failure() {
        return Optional.empty();
    }

    /** Snapshots that may be there before the answer. */
    List<String> maybe() {
        return List.of();
    }

    /** The engine is dead, or has just come again. */
    void assertBeforeOrAfter() throws Exception {}

    /** It was answered. */
    abstract void done(Object result) throws Exception;

    /** @param always or once only */
    record Failure(String site, int errno, boolean always) {}

    /** Complete with the content of its moment, or absent. */
    static class Take extends EngineDeed {
        private final String name;

        Take(EngineWorld world, String name) {
            super("take " + name, world);
            this.name = name;
        }

        @Override
        void prepare() throws Exception {
            world().write(name);
        }

        @Override
        Object act(Engine engine, OperationId operation) {
            return engine.take(new TakeRequest(
                    operation,
                    EngineWorld.VM.value(),
                    Optional.of(new SnapshotName(name)),
                    Labels.NONE,
                    Optional.empty(),
                    false,
                    Set.of()));
        }

        @Override
        List<String> maybe() {
            return List.of(name);
        }

        @Override
        void done(Object result) throws Exception {
            assertThat(world().held((Snapshot) result)).isEqualTo(name);
            world().acknowledge(name, name);
        }
    }

    /** The same with a first try that fails when the images are there. */
    static final class FailingTake extends Take {
        private final String site;
        private final int errno;
        private final boolean always;

        FailingTake(EngineWorld world, String name, String site, int errno, boolean always) {
            super(world, name);
            this.site = site;
            this.errno = errno;
            this.always = always;
        }

        @Override
        Optional<Failure> failure() {
            return Optional.of(new Failure(site, errno, always));
        }
    }

    /** Before or after, for all disks, and what was before is a guard then. */
    static final class RollBack extends EngineDeed {
        private final String target;
        private final String after;
        private String before;

        RollBack(EngineWorld world, String target, String after) {
            super("rollback to " + target, world);
            this.target = target;
            this.after = after;
        }

        /** An undo. */
        RollBack(EngineWorld world, String after) {
            super("undo", world);
            this.target = "";
            this.after = after;
        }

        @Override
        void prepare() throws Exception {
            before = world().live();
            if (!target.isEmpty()) {
                before = "since " + target;
                world().write(before);
            }
        }

        @Override
        Object act(Engine engine, OperationId operation) {
            return target.isEmpty()
                    ? engine.undo(operation, EngineWorld.VM.value(), false)
                    : engine.rollBack(new RollbackRequest(operation, EngineWorld.VM.value(), target, Set.of(), false));
        }

        @Override
        void assertBeforeOrAfter() throws Exception {
            if (!world().undecided()) {
                assertThat(world().live()).isIn(before, after);
            }
        }

        @Override
        void done(Object result) throws Exception {
            assertThat(world().live()).isEqualTo(after);
            String id = ((RollbackResult) result).guard().orElseThrow().value();
            Snapshot guard = world().engine().show(EngineWorld.VM.value(), id);
            assertThat(world().held(guard)).isEqualTo(before);
            world().acknowledge(guard.name().value(), before);
        }
    }

    /** A VM with its disks, or neither. */
    static final class Clone extends EngineDeed {
        private final String source;
        private final VmName name = new VmName("web02");

        Clone(EngineWorld world, String source) {
            super("clone of " + source, world);
            this.source = source;
        }

        @Override
        Optional<Failure> failure() {
            // When its disks are there, and its NVRAM.
            return Optional.of(new Failure("engine/CloneVm.copyFirmware > Durability.sync #1", EIO, false));
        }

        @Override
        Object act(Engine engine, OperationId operation) {
            return engine.clone(operation, EngineWorld.VM.value(), source, name);
        }

        private List<Path> files() {
            return List.of(
                    world().storage().path("web02-vda"), world().storage().path("web02-vdb"));
        }

        @Override
        void assertBeforeOrAfter() {
            boolean defined =
                    world().manager().vms().stream().anyMatch(vm -> vm.name().equals(name));
            if (defined) {
                assertThat(files()).allMatch(Files::exists);
            } else if (world().isAlive() && world().storage() instanceof ZfsStorage zfs) {
                assertThat(ZfsStorage.list("filesystem,volume", zfs.root()))
                        .noneMatch(dataset -> dataset.contains("web02"));
            }
        }

        @Override
        void done(Object result) throws Exception {
            List<String> contents = new ArrayList<>();
            for (Path file : files()) {
                contents.add(Bench.read(file));
            }
            assertThat(contents).containsExactly("a" + source, "b" + source);
            world().manager().remove(((CloneResult) result).vm());
            if (world().storage() instanceof ReflinkStorage) {
                for (Path file : files()) {
                    Files.delete(file);
                }
            } else if (world().storage() instanceof ZfsStorage zfs) {
                for (String disk : List.of("web02-vda", "web02-vdb")) {
                    String dataset = zfs.root().child(disk).name();
                    assertThat(Commands.run("zfs", "get", "-H", "-s", "local", "-o", "property", "all", dataset))
                            .doesNotContain("org.flatsnap:");
                    RunningGuest.await(
                            Duration.ofMinutes(1),
                            dataset + " to go",
                            () -> Commands.exitCode("zfs", "destroy", dataset) == 0);
                }
            }
        }
    }

    /** Held or not, by flatsnap's word and by that of ZFS. */
    static final class Hold extends EngineDeed {
        private final String name;
        private final boolean held;

        Hold(EngineWorld world, String name, boolean held) {
            super((held ? "hold of " : "release of ") + name, world);
            this.name = name;
            this.held = held;
        }

        @Override
        Object act(Engine engine, OperationId operation) {
            return engine.relabel(
                    operation,
                    EngineWorld.VM.value(),
                    name,
                    labels -> new Labels(labels.description(), labels.tags(), held));
        }

        @Override
        void done(Object result) throws Exception {
            Snapshot snapshot = world().engine().show(EngineWorld.VM.value(), name);
            assertThat(snapshot.labels().held()).isEqualTo(held);
            if (world().storage() instanceof ZfsStorage zfs) {
                String references = Commands.run(
                        "zfs",
                        "get",
                        "-H",
                        "-r",
                        "-t",
                        "snapshot",
                        "-o",
                        "name,value",
                        "userrefs",
                        zfs.root().name());
                assertThat(references.lines().filter(line -> line.contains("@flatsnap-" + snapshot.id())))
                        .hasSize(2)
                        .allMatch(line -> line.endsWith(held ? "\t1" : "\t0"));
            }
        }
    }

    /** Foreign as a whole, or flatsnap's own as a whole. */
    static final class Adopt extends EngineDeed {
        private final String name;

        Adopt(EngineWorld world, String name) {
            super("adoption of " + name, world);
            this.name = name;
        }

        @Override
        Optional<Failure> failure() {
            // When the images have their new names.
            return Optional.of(new Failure("store/ZfsForeign.take > ZfsPrograms.setProperties #1", EIO, false));
        }

        @Override
        Object act(Engine engine, OperationId operation) {
            return engine.adopt(operation, EngineWorld.VM.value(), name);
        }

        @Override
        void assertBeforeOrAfter() {
            if (world().isAlive()) {
                assertThat(world().engine().show(EngineWorld.VM.value(), name).disks())
                        .as("the disks of " + name)
                        .hasSize(2);
            }
        }

        @Override
        void done(Object result) throws Exception {
            Snapshot adopted = world().engine().show(EngineWorld.VM.value(), name);
            assertThat(adopted.untouchable()).isFalse();
            assertThat(adopted.disks()).hasSize(2);
            assertThat(world().held(adopted)).isEqualTo(world().acknowledged().get(name));
        }
    }

    /** By a reader that dies or does not. */
    static final class Read extends EngineDeed {
        private final String name;
        private final boolean full;
        private Optional<AutoCloseable> filler = Optional.empty();

        Read(EngineWorld world, String name, boolean full) {
            super("reading of " + name + (full ? " in a full pool" : ""), world);
            this.name = name;
            this.full = full;
        }

        @Override
        Optional<Failure> failure() {
            // Of a text that is read.
            return full
                    ? Optional.empty()
                    : Optional.of(new Failure("store/ZfsContent$Text.open > Files.writeString #1", EIO, false));
        }

        @Override
        void prepare() throws Exception {
            if (full) {
                filler = Optional.of(world().storage().fill());
            }
        }

        @Override
        Object act(Engine engine, OperationId operation) throws Exception {
            Snapshot snapshot = engine.show(EngineWorld.VM.value(), name);
            List<String> contents = new ArrayList<>();
            for (DiskImage image : snapshot.disks()) {
                try (Content.Reader reader =
                        engine.image(snapshot, image.disk()).open()) {
                    ByteBuffer buffer = ByteBuffer.allocate(1 + name.length());
                    reader.channel().read(buffer, 0);
                    contents.add(new String(buffer.array(), StandardCharsets.UTF_8));
                    snapshotTheClone();
                }
            }
            try (Content.Reader text = engine.metadata(snapshot).open()) {
                assertThat(text.channel().size()).isPositive();
            }
            engine.space(EngineWorld.VM.value(), List.of());
            return contents;
        }

        /** As a recursive snapshot of another tool does. */
        private void snapshotTheClone() {
            if (!full && world().storage() instanceof ZfsStorage zfs) {
                ZfsStorage.list("volume", zfs.root().child(".flatsnap/readers"))
                        .forEach(clone -> Commands.exitCode("zfs", "snapshot", clone + "@frequent"));
            }
        }

        @Override
        void done(Object result) throws Exception {
            assertThat(result).isEqualTo(List.of("a" + name, "b" + name));
            if (filler.isPresent()) {
                filler.get().close();
            }
        }
    }

    /** There as a whole, or gone. */
    static final class Delete extends EngineDeed {
        private final String name;

        Delete(EngineWorld world, String name) {
            super("deletion of " + name, world);
            this.name = name;
        }

        @Override
        void prepare() {
            world().forget(name);
        }

        @Override
        Object act(Engine engine, OperationId operation) {
            return engine.delete(operation, EngineWorld.VM.value(), name);
        }

        @Override
        List<String> maybe() {
            return List.of(name);
        }

        @Override
        void done(Object result) {
            world().deleted((Snapshot) result);
        }
    }

    /** Of guards whose time is over, and of what stands aside and nobody wants. */
    static final class Expire extends EngineDeed {
        Expire(EngineWorld world) {
            super("expiry", world);
        }

        @Override
        void prepare() {
            world().acknowledged().keySet().stream()
                    .filter(name -> name.startsWith("guard-"))
                    .forEach(world()::forget);
            if (world().storage() instanceof ZfsStorage zfs) {
                // As a recursive snapshot of another tool does; what stands aside is removed with it.
                zfs.aside().forEach(dataset -> Commands.run("zfs", "snapshot", dataset + "@late"));
            }
        }

        @Override
        Object act(Engine engine, OperationId operation) {
            Housekeeping.expire(engine);
            return "";
        }

        @Override
        void done(Object result) {
            assertThat(world().snapshots())
                    .allMatch(snapshot -> snapshot.guard().isEmpty());
        }
    }

    /** Until nothing stands aside, and of what was deleted nothing is left. */
    static final class Settle extends EngineDeed {
        private final ZfsStorage zfs;
        private String live;

        Settle(EngineWorld world, ZfsStorage zfs) {
            super("housekeeping", world);
            this.zfs = zfs;
        }

        @Override
        void prepare() throws Exception {
            live = world().live();
        }

        @Override
        Object act(Engine engine, OperationId operation) {
            for (int i = 0; i < 20 && !zfs.aside().isEmpty(); i++) {
                Housekeeping.keep(engine);
            }
            return zfs.aside();
        }

        @Override
        void done(Object result) throws Exception {
            assertThat((List<?>) result).isEmpty();
            assertThat(world().live()).isEqualTo(live);
            assertThat(world().deleted()).isNotEmpty().noneMatch(zfs::holds);
        }
    }

    /** Of the catalog. */
    static final class Rebuild extends EngineDeed {
        Rebuild(EngineWorld world) {
            super("rebuild", world);
        }

        @Override
        Object act(Engine engine, OperationId operation) {
            return engine.rebuildCatalog(operation);
        }

        @Override
        void done(Object result) throws Exception {
            world().assertContents();
        }
    }
}
