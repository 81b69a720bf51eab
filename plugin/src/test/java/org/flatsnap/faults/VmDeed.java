package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.testing.RunningGuest.virsh;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.flatsnap.faults.Control.Fault;
import org.flatsnap.faults.CrashWorld.Machine;
import org.flatsnap.linux.Host;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess.Answer;
import org.flatsnap.testing.LoopFileSystem;
import org.flatsnap.testing.RunningGuest;

/** What is asked for with libvirt's VMs. */
abstract class VmDeed extends Deed {
    private final CrashWorld world;
    private final Machine vm;

    VmDeed(String title, CrashWorld world, Machine vm) {
        super(title);
        this.world = world;
        this.vm = vm;
    }

    final CrashWorld world() {
        return world;
    }

    Machine vm() {
        return vm;
    }

    @Override
    Answer act(String operation) throws IOException {
        String[] command = command();
        String[] all = Arrays.copyOf(command, command.length + 2);
        all[command.length] = "--operation";
        all[command.length + 1] = operation;
        return world.ask(all);
    }

    @Override
    boolean bearsReadOnlyStore() {
        return vm().equals(world.off());
    }

    /** The request. */
    abstract String[] command();

    /** The snapshot that exists and may be another one or none afterwards. */
    Optional<String> changes() {
        return Optional.empty();
    }

    /** The name of the VM that it makes. */
    Optional<String> makes() {
        return Optional.empty();
    }

    /** It was answered, and the VM that it made was undefined since: its files are not flatsnap's to take away. */
    void assertHandedOver() throws IOException {}

    /** All that flatsnap is asked for, reflink stores being what there is. */
    static List<VmDeed> all(CrashWorld world) {
        List<VmDeed> deeds = new ArrayList<>(List.of(
                new Take(world, world.off()),
                new RollBack(world, world.off()),
                new Undo(world, world.off()),
                new Clone(world),
                new Delete(world),
                new Label(world),
                new Rebuild(world),
                new Take(world, world.running()),
                new RollBack(world, world.running()),
                new LostStaging(world),
                new LongLog(world),
                new FirstStart(world),
                new StartWithDamagedCatalog(world)));
        if (world.hasGuest()) {
            deeds.add(new Freeze(world));
        }
        return deeds;
    }

    /** Complete with the content of its moment, or absent. */
    private static class Take extends VmDeed {
        private String name;
        private Map<String, String> content;

        Take(CrashWorld world, Machine vm) {
            this("take, VM " + (vm.equals(world.off()) ? "off" : "running"), world, vm);
        }

        Take(String title, CrashWorld world, Machine vm) {
            super(title, world, vm);
        }

        @Override
        void prepare() throws IOException {
            name = fresh("t");
            vm().write(name);
            content = vm().read();
        }

        @Override
        String[] command() {
            return new String[] {"take", vm().name(), name, "--tag", "crash"};
        }

        @Override
        void assertSettled() throws IOException {
            assertThat(world().shown(vm(), name))
                    .isEqualTo(world().listed(vm()).containsKey(name) ? Optional.of(content) : Optional.empty());
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(answer.get("name").getAsString()).isEqualTo(name);
            assertThat(world().shown(vm(), name)).as(world().tail()).hasValue(content);
        }

        @Override
        void clear() {
            world().succeed("delete", vm().name(), name);
        }
    }

    /** Before or after, for all files, and what was before is a snapshot then. */
    private static final class RollBack extends VmDeed {
        private final boolean runs;
        private String target;
        private String since;
        private Map<String, String> earlier;
        private Map<String, String> before;
        private Map<String, String> after;

        RollBack(CrashWorld world, Machine vm) {
            super("rollback, VM " + (vm.equals(world.off()) ? "off" : "running"), world, vm);
            this.runs = vm.equals(world.running());
        }

        @Override
        void prepare() throws IOException {
            target = fresh("r");
            vm().write(target);
            after = vm().read();
            world().succeed("take", vm().name(), target);
            if (!runs) {
                vm().write(fresh("earlier"));
                earlier = vm().read();
                world().succeed("rollback", vm().name(), target);
            }
            since = fresh("since");
            vm().write(since);
            before = vm().read();
        }

        @Override
        String[] command() {
            return runs
                    ? new String[] {"rollback", vm().name(), target, "--stop"}
                    : new String[] {"rollback", vm().name(), target};
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            world().assertNeverBetween(vm(), before, after);
        }

        @Override
        void assertSettled() throws IOException {
            assertThat(vm().read()).isIn(before, after);
            if (vm().read().equals(after)) {
                assertThat(world().shown(vm(), world().newestGuard(vm()))).hasValue(before);
            }
        }

        @Override
        void assertUndoable() throws IOException {
            if (runs) {
                return;
            }
            boolean done = vm().read().equals(after);
            world().succeed("undo", vm().name());
            assertThat(vm().read()).as("what an undo goes back to").isEqualTo(done ? before : earlier);
            if (done) {
                world().succeed("undo", vm().name());
            } else {
                vm().write(since);
            }
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(vm().read()).isEqualTo(after);
            assertThat(world().shown(vm(), world().newestGuard(vm()))).hasValue(before);
            assertThat(world().shown(vm(), target)).hasValue(after);
        }

        @Override
        void clear() {
            world().succeed("delete", vm().name(), target);
            world().deleteGuards(vm());
        }
    }

    /** A rollback to the guard, and guarded itself. */
    private static final class Undo extends VmDeed {
        private String target;
        private Map<String, String> before;
        private Map<String, String> after;

        Undo(CrashWorld world, Machine vm) {
            super("undo", world, vm);
        }

        @Override
        void prepare() throws IOException {
            target = fresh("u");
            vm().write(target);
            before = vm().read();
            world().succeed("take", vm().name(), target);
            vm().write(fresh("since"));
            after = vm().read();
            world().succeed("rollback", vm().name(), target);
        }

        @Override
        String[] command() {
            return new String[] {"undo", vm().name()};
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            world().assertNeverBetween(vm(), before, after);
        }

        @Override
        void assertSettled() throws IOException {
            assertThat(vm().read()).isIn(before, after);
            if (vm().read().equals(after)) {
                assertThat(world().shown(vm(), world().newestGuard(vm()))).hasValue(before);
            }
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(vm().read()).isEqualTo(after);
            assertThat(world().shown(vm(), world().newestGuard(vm()))).hasValue(before);
        }

        @Override
        void clear() {
            world().succeed("delete", vm().name(), target);
            world().deleteGuards(vm());
        }
    }

    /** A VM with all its files, or neither VM nor files. */
    private static final class Clone extends VmDeed {
        private String target;
        private String name;

        Clone(CrashWorld world) {
            super("clone", world, world.off());
        }

        @Override
        void prepare() throws IOException {
            target = fresh("c");
            vm().write(target);
            world().succeed("take", vm().name(), target);
            name = vm().name() + "-" + target;
        }

        @Override
        String[] command() {
            return new String[] {"clone", vm().name(), target, name};
        }

        private List<Path> files() throws IOException {
            try (Stream<Path> all = Stream.concat(
                    Stream.concat(
                            Files.list(world().fileSystems().get(0).root()),
                            Files.list(world().fileSystems().get(1).root())),
                    Files.list(world().daemon().directory()))) {
                return all.filter(file -> file.getFileName().toString().startsWith(name))
                        .toList();
            }
        }

        @Override
        Optional<String> makes() {
            return Optional.of(name);
        }

        @Override
        void assertSettled() throws IOException {
            if (Commands.exitCode("virsh", "-c", Bench.URI, "domstate", name) == 0) {
                assertHandedOver();
            } else {
                assertThat(files()).as("files of a VM that does not exist").isEmpty();
            }
        }

        @Override
        void assertHandedOver() throws IOException {
            assertThat(files()).hasSize(3);
            for (Path file : files()) {
                assertThat(Bench.read(file)).isEqualTo(target);
            }
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            virsh("domstate", name);
            assertHandedOver();
        }

        @Override
        void clear() throws IOException {
            if (Commands.exitCode("virsh", "-c", Bench.URI, "domstate", name) == 0) {
                virsh("undefine", name, "--nvram");
            }
            for (Path file : files()) {
                Files.deleteIfExists(file);
            }
            world().succeed("delete", vm().name(), target);
        }
    }

    /** There as a whole, or gone. */
    private static final class Delete extends VmDeed {
        private String name;
        private Map<String, String> content;

        Delete(CrashWorld world) {
            super("delete", world, world.off());
        }

        @Override
        void prepare() throws IOException {
            name = fresh("d");
            vm().write(name);
            content = vm().read();
            world().succeed("take", vm().name(), name);
            for (LoopFileSystem store : world().fileSystems()) {
                // As before the first one that a store keeps.
                Commands.run(
                        "rm", "-rf", store.root().resolve(".flatsnap/answers").toString());
            }
        }

        @Override
        String[] command() {
            return new String[] {"delete", vm().name(), name};
        }

        @Override
        Optional<String> changes() {
            return Optional.of(name);
        }

        @Override
        void assertSettled() throws IOException {
            assertThat(world().shown(vm(), name))
                    .isEqualTo(world().listed(vm()).containsKey(name) ? Optional.of(content) : Optional.empty());
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(answer.get("name").getAsString()).isEqualTo(name);
            assertThat(world().shown(vm(), name)).isEmpty();
            assertThat(vm().read()).isEqualTo(content);
        }
    }

    /** The old labels or the new ones. */
    private static final class Label extends VmDeed {
        private final String name = fresh("l");
        private Optional<String> tag = Optional.empty();

        Label(CrashWorld world) {
            super("hold and tag", world, world.off());
        }

        @Override
        void prepare() throws IOException {
            if (tag.isEmpty()) {
                vm().write(name);
                world().succeed("take", vm().name(), name);
            }
            tag = Optional.of(fresh("tag"));
        }

        @Override
        String[] command() {
            return new String[] {"tag", vm().name(), name, "--add", tag.orElseThrow()};
        }

        @Override
        Optional<String> changes() {
            return Optional.of(name);
        }

        @Override
        void assertSettled() throws IOException {
            assertThat(world().shown(vm(), name)).hasValue(vm().holding(name));
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(world().listed(vm()).get(name).get("labels").toString()).contains('"' + tag.orElseThrow() + '"');
            assertThat(world().shown(vm(), name)).hasValue(vm().holding(name));
        }

        @Override
        void clear() {
            world().succeed("tag", vm().name(), name, "--remove", tag.orElseThrow());
        }
    }

    /** All of them, whatever the catalog says meanwhile. */
    private static final class Rebuild extends VmDeed {
        private String name;

        Rebuild(CrashWorld world) {
            super("rebuild of the catalog", world, world.off());
        }

        @Override
        void prepare() throws IOException {
            name = fresh("b");
            vm().write(name);
            world().succeed("take", vm().name(), name);
        }

        @Override
        String[] command() {
            return new String[] {"catalog", "rebuild"};
        }

        @Override
        void assertSettled() throws IOException {
            assertThat(world().shown(vm(), name)).hasValue(vm().holding(name));
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(world().shown(vm(), name)).hasValue(vm().holding(name));
        }

        @Override
        void clear() {
            world().succeed("delete", vm().name(), name);
        }
    }

    /** A take whose line makes this host's log too long, with a journal that a large commit has left. */
    private static final class LongLog extends Take {
        LongLog(CrashWorld world) {
            super("take, long logs", world, world.off());
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            Path log = world().fileSystems().get(0).root().resolve(".flatsnap/changes/" + Host.name());
            Files.write(log, new byte[1 << 20]);
            Path journal = world().daemon().state().resolve("catalog.db.journal");
            try (RandomAccessFile file = new RandomAccessFile(journal.toFile(), "rw")) {
                file.setLength(5 << 20);
            }
        }
    }

    /** A start that brings back what was there. */
    private abstract static class Start extends VmDeed {
        private Set<String> before;

        Start(String title, CrashWorld world) {
            super(title, world, world.off());
        }

        @Override
        void prepare() throws IOException {
            before = world().listed(vm()).keySet();
            world().daemon().stop();
        }

        @Override
        Answer act(String operation) throws IOException {
            if (!world().daemon().isAlive()) {
                world().daemon().startsAndAnswers("vms");
            }
            return world().ask(command());
        }

        @Override
        String[] command() {
            return new String[] {"vms"};
        }

        @Override
        boolean starts() {
            return true;
        }

        @Override
        void assertDone(JsonObject answer) {
            // A store that could not be opened is tried again by the housekeeping.
            RunningGuest.await(Duration.ofSeconds(30), "all snapshots to be listed again", () -> world().listed(vm())
                    .keySet()
                    .equals(before));
        }
    }

    /** A rollback is decided, its daemon died before the disks were in place, and what was staged is gone. */
    private static final class LostStaging extends Start {
        private String target;
        private Map<String, String> before;
        private Map<String, String> after;

        LostStaging(CrashWorld world) {
            super("start with a rollback whose staging is lost", world);
        }

        @Override
        void prepare() throws IOException {
            target = fresh("s");
            vm().write(target);
            after = vm().read();
            world().succeed("take", vm().name(), target);
            vm().write(fresh("since"));
            before = vm().read();
            world().control().arm(Fault.KILL, CrashWorld.SITES.number("store/ReflinkStore.swap > Files.move #1"), 1, 0);
            world().ask("rollback", vm().name(), target);
            world().daemon().awaitEnd();
            world().control().disarm();
            world().loseStaging();
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            world().assertNeverBetween(vm(), before, after);
        }

        @Override
        void assertDone(JsonObject answer) {
            RunningGuest.await(Duration.ofSeconds(60), "the rollback to be finished: " + world().tail(), () -> {
                try {
                    return vm().read().equals(after);
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
        }

        @Override
        void clear() {
            // The last of it may be under way.
            RunningGuest.await(
                    Duration.ofSeconds(60),
                    "the snapshot not to be needed any more",
                    () -> world().ask("delete", vm().name(), target).exitCode() == 0);
            world().deleteGuards(vm());
        }
    }

    /** With no state at all, and a store that is new. */
    private static final class FirstStart extends Start {
        FirstStart(CrashWorld world) {
            super("first start", world);
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            Commands.run("rm", "-r", world().daemon().state().toString());
            Commands.run("rm", "-rf", world().extra().resolve(".flatsnap").toString());
        }
    }

    /** With a catalog that cannot be read, as the one before, and an answer that nobody waits for any more. */
    private static final class StartWithDamagedCatalog extends Start {
        StartWithDamagedCatalog(CrashWorld world) {
            super("start with a damaged catalog", world);
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            Path state = world().daemon().state();
            Files.writeString(state.resolve("catalog.db"), "no catalog".repeat(10_000));
            Files.writeString(state.resolve("catalog.db.damaged-before"), "no catalog either");
            Path answers = world().fileSystems().get(0).root().resolve(".flatsnap/answers");
            Path old = Files.writeString(Files.createDirectories(answers).resolve("old.json"), "");
            Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofDays(30))));
        }
    }

    /** A guest that was frozen for it goes on, with or without flatsnapd. */
    private static final class Freeze extends VmDeed {
        private String name;

        Freeze(CrashWorld world) {
            super("take, frozen guest", world, null);
        }

        @Override
        Machine vm() {
            try {
                return world().guest();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }

        @Override
        void prepare() {
            name = fresh("f");
            RunningGuest.await(Duration.ofSeconds(120), "the guest's agent", () -> world().frozen(vm())
                    .equals(Optional.of(false)));
        }

        @Override
        String[] command() {
            return new String[] {"take", vm().name(), name, "--consistency", "filesystem"};
        }

        @Override
        void assertBeforeOrAfter() {
            RunningGuest.await(Duration.ofSeconds(30), "the guest to go on", () -> world().frozen(vm())
                    .equals(Optional.of(false)));
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(world().listed(vm())).containsKey(name);
            assertBeforeOrAfter();
        }

        @Override
        void clear() {
            world().succeed("delete", vm().name(), name);
        }
    }
}
