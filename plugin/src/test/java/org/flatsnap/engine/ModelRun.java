package org.flatsnap.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.catalog.VmEntry;
import org.flatsnap.engine.PlainVm.Copy;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.Quiescer;
import org.flatsnap.model.Description;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.flatsnap.server.FakeManager;
import org.flatsnap.store.Content;
import org.flatsnap.store.KnownStores;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.TestStorage;

/** The engine, on real storage and with VMs in memory, does what it is told; a model does the same with plain copies. */
final class ModelRun implements AutoCloseable {
    // Every image of every snapshot is read after every step, by an emulated processor too.
    private static final int MOST_VMS = 3;
    private static final int MOST_SNAPSHOTS = 9;
    private static final int MOST_WRITTEN_AT_ONCE = 64 << 10;

    private final TestStorage storage;
    private final Consumer<String> story;
    private final Path state;
    private final FakeManager manager = new FakeManager();
    private final List<PlainVm> vms = new ArrayList<>();
    private Catalog catalog;
    private Engine engine;
    private Random random = new Random(0);
    private int clones;
    private ByteBuffer read = ByteBuffer.allocateDirect(1);

    /** @param story is told what is done, before it is done */
    ModelRun(TestStorage storage, Consumer<String> story) throws IOException {
        this.storage = storage;
        this.story = story;
        this.state = Files.createTempDirectory("flatsnap-model-");
        open();
        PlainVm vm = new PlainVm(new VmId(UUID.randomUUID().toString()), "vm");
        for (String disk : List.of("vda", "vdb")) {
            vm.attach(new DiskName(disk), storage.newDisk("vm-" + disk), new byte[(int) storage.diskBytes()]);
        }
        vms.add(vm);
        define(vm, VmState.OFF);
    }

    private void open() throws IOException {
        catalog = Catalog.open(state.resolve("catalog.db"));
        GuestNotes notes = new GuestNotes(state.resolve("guests"));
        engine = new Engine(
                new Stores(
                        List.of(storage.place()),
                        KnownStores.read(state.resolve("stores.json")),
                        Duration.ofSeconds(20)),
                manager,
                catalog,
                new Quiescer(manager, notes, Duration.ofSeconds(5)),
                notes,
                Clock.systemUTC(),
                new Engine.Settings("node1", Duration.ofDays(7), Duration.ofSeconds(30)));
        engine.start();
    }

    private void shut() {
        engine.close();
        catalog.close();
    }

    @Override
    public void close() {
        try {
            shut();
        } finally {
            Commands.run("rm", "-r", state.toString());
        }
    }

    /** Does a step, then compares everything. */
    void perform(Step step) throws IOException {
        random = new Random(step.seed());
        switch (step.kind()) {
            case WRITE -> write(any(vms));
            case TAKE -> take(any(vms));
            case ROLL_BACK -> rollBack(any(vms));
            case UNDO -> undo(any(vms));
            case CLONE -> cloneAny(any(vms));
            case DELETE -> delete(any(vms));
            case RELABEL -> relabel(any(vms));
            case REDEFINE -> redefine(any(vms));
            case REBUILD -> rebuild();
            case RESTART -> restart(false);
            case RESTART_WITHOUT_CATALOG -> restart(true);
            case INVALID -> askForWhatIsNotThere(any(vms));
        }
        compare();
    }

    private boolean oneIn(int times) {
        return random.nextInt(times) == 0;
    }

    private <T> T any(Collection<T> things) {
        return List.copyOf(things).get(random.nextInt(things.size()));
    }

    private void write(PlainVm vm) throws IOException {
        if (storage.kind() == Disk.Kind.FILE && oneIn(6)) {
            resize(vm, any(vm.live.keySet()));
        }
        int ranges = 1 + random.nextInt(4);
        for (int i = 0; i < ranges; i++) {
            DiskName disk = any(vm.live.keySet());
            byte[] bytes = new byte[1 + random.nextInt(MOST_WRITTEN_AT_ONCE)];
            random.nextBytes(bytes);
            int position = random.nextInt(vm.live.get(disk).length - bytes.length + 1);
            story.accept("write " + bytes.length + " bytes to " + vm.name + " " + disk + " at " + position);
            try (FileChannel channel = FileChannel.open(vm.paths.get(disk), StandardOpenOption.WRITE)) {
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                while (buffer.hasRemaining()) {
                    channel.write(buffer, position + buffer.position());
                }
            }
            vm.write(disk, position, bytes);
        }
    }

    private void resize(PlainVm vm, DiskName disk) throws IOException {
        int length = (int) storage.diskBytes() / 2 + 512 * random.nextInt((int) storage.diskBytes() / 512);
        story.accept("resize " + vm.name + " " + disk + " to " + length + " bytes");
        Commands.run(
                "truncate", "-s", String.valueOf(length), vm.paths.get(disk).toString());
        vm.resize(disk, length);
    }

    private void take(PlainVm vm) {
        makeRoom();
        // Few names, so that some are there already and some have been there before.
        Optional<SnapshotName> name =
                oneIn(6) ? Optional.empty() : Optional.of(new SnapshotName("s" + random.nextInt(10)));
        Set<DiskName> chosen = oneIn(4) ? Set.of(any(vm.attached)) : Set.of();
        VmState power = oneIn(5) ? VmState.RUNNING : VmState.OFF;
        TakeRequest request =
                new TakeRequest(OperationId.random(), ask(vm), name, labels(), Optional.empty(), false, chosen);
        story.accept("take " + name.map(SnapshotName::value).orElse("by time") + " of " + vm.name + " " + chosen + ", "
                + power);
        if (name.isPresent() && vm.copies.stream().map(Copy::name).anyMatch(name.get()::equals)) {
            assertRefused(Code.EXISTS, "has a snapshot of that name", () -> engine.take(request));
            return;
        }
        define(vm, power);
        Snapshot snapshot = perhapsTwice(() -> engine.take(request));
        assertDefined(vm, power);
        define(vm, VmState.OFF);
        assertThat(snapshot.labels()).isEqualTo(request.labels());
        assertThat(snapshot.guard()).isEmpty();
        assertThat(snapshot.vm()).isEqualTo(vm.id);
        name.ifPresent(wished -> assertThat(snapshot.name()).isEqualTo(wished));
        vm.keep(snapshot, chosen.isEmpty() ? vm.attached : chosen);
    }

    private Labels labels() {
        return new Labels(
                new Description(oneIn(2) ? "" : "line " + random.nextInt(100) + "\nzweite Zeile"),
                oneIn(2) ? Snapshots.tags() : Snapshots.tags("prod", "n=" + random.nextInt(10)),
                oneIn(4));
    }

    private void rollBack(PlainVm vm) {
        makeRoom();
        if (vm.copies.isEmpty()) {
            take(vm);
        }
        Copy target = any(vm.copies);
        Set<DiskName> chosen = oneIn(4) ? Set.of(any(target.disks().keySet())) : Set.of();
        OperationId operation = OperationId.random();
        String snapshot = ask(vm, target);
        String asked = ask(vm);
        putBack(
                vm,
                target,
                chosen.isEmpty() ? target.disks().keySet() : chosen,
                !chosen.isEmpty(),
                "roll back to " + target.name() + " " + chosen,
                "rollback to " + target.name(),
                stop -> engine.rollBack(new RollbackRequest(operation, asked, snapshot, chosen, stop)));
    }

    private void undo(PlainVm vm) {
        makeRoom();
        OperationId operation = OperationId.random();
        String asked = ask(vm);
        Optional<Copy> guard = vm.copies.stream()
                .filter(copy -> copy.snapshot().guard().isPresent())
                .reduce((older, newer) -> newer);
        if (guard.isEmpty()) {
            story.accept("undo nothing of " + vm.name);
            assertRefused(Code.NOT_FOUND, "no guard snapshot", () -> engine.undo(operation, asked, false));
            return;
        }
        putBack(
                vm,
                guard.get(),
                guard.get().disks().keySet(),
                guard.get().partialGuard(),
                "undo",
                "undo of " + guard.get().snapshot().guard().orElseThrow().before(),
                stop -> engine.undo(operation, asked, stop));
    }

    /** A rollback, whoever asked for it. */
    private interface Back {
        RollbackResult go(boolean stop);
    }

    private void putBack(
            PlainVm vm, Copy target, Set<DiskName> disks, boolean partial, String what, String before, Back back) {
        VmState power = oneIn(4) ? VmState.RUNNING : VmState.OFF;
        boolean stop = oneIn(2);
        story.accept(what + " of " + vm.name + ", " + power + (stop ? ", --stop" : ""));
        define(vm, power);
        if (power == VmState.RUNNING && !stop) {
            assertRefused(Code.REFUSED, "it is running", () -> back.go(false));
        } else if (partial && !vm.attached.containsAll(disks)) {
            assertRefused(Code.REFUSED, "any more", () -> back.go(stop));
        } else {
            RollbackResult result = perhapsTwice(() -> back.go(stop));
            assertThat(result.snapshot()).isEqualTo(target.snapshot().id());
            assertThat(result.started()).isEqualTo(power == VmState.RUNNING);
            assertThat(result.warnings()).isEmpty();
            Snapshot guard = catalog.find(result.guard().orElseThrow()).orElseThrow();
            assertThat(guard.labels()).isEqualTo(Labels.NONE);
            assertThat(guard.guard().orElseThrow().before()).isEqualTo(before);
            assertThat(guard.guard().orElseThrow().partial()).isEqualTo(partial);
            vm.keep(guard, disks);
            vm.putBack(target, disks, !partial);
        }
        assertDefined(vm, power);
        define(vm, VmState.OFF);
    }

    private void cloneAny(PlainVm vm) {
        if (vm.copies.isEmpty()) {
            take(vm);
        }
        Copy source = any(vm.copies);
        OperationId operation = OperationId.random();
        if (vms.size() >= MOST_VMS) {
            String taken = any(vms).name;
            story.accept("clone " + vm.name + " at " + source.name() + " as " + taken);
            assertRefused(
                    Code.EXISTS,
                    "a VM of that name",
                    () -> engine.clone(operation, ask(vm), ask(vm, source), new VmName(taken)));
            return;
        }
        // A guard holds what was replaced, also where the VM did not have it then.
        Set<DiskName> disks = new TreeSet<>(source.disks().keySet());
        disks.retainAll(source.attached());
        if (disks.isEmpty()) {
            story.accept("nothing that " + vm.name + " had at " + source.name() + " to clone");
            return;
        }
        clones++;
        VmName name = new VmName("clone" + clones);
        story.accept("clone " + vm.name + " at " + source.name() + " as " + name);
        String asked = ask(vm);
        String snapshot = ask(vm, source);
        CloneResult result = perhapsTwice(() -> engine.clone(operation, asked, snapshot, name));
        assertThat(result.name()).isEqualTo(name);
        assertThat(result.disks()).hasSameSizeAs(disks);
        PlainVm clone = new PlainVm(result.vm(), name.value());
        int number = 0;
        for (DiskName disk : disks) {
            clone.attach(
                    disk, Path.of(result.disks().get(number)), source.disks().get(disk));
            number++;
        }
        vms.add(clone);
    }

    private void delete(PlainVm vm) {
        if (vm.copies.isEmpty()) {
            take(vm);
        }
        delete(vm, any(vm.copies));
    }

    private void delete(PlainVm vm, Copy copy) {
        String asked = ask(vm);
        String snapshot = ask(vm, copy);
        story.accept("delete " + copy.name() + " of " + vm.name);
        Copy deleted = copy;
        if (copy.held()) {
            assertRefused(Code.REFUSED, "it is held", () -> engine.delete(OperationId.random(), asked, snapshot));
            story.accept("  after its release");
            deleted = relabel(
                    vm,
                    copy,
                    new Labels(
                            copy.snapshot().labels().description(),
                            copy.snapshot().labels().tags(),
                            false));
        }
        OperationId operation = OperationId.random();
        assertThat(perhapsTwice(() -> engine.delete(operation, asked, snapshot)))
                .isEqualTo(deleted.snapshot());
        vm.copies.remove(deleted);
    }

    private void relabel(PlainVm vm) {
        if (vm.copies.isEmpty()) {
            take(vm);
        }
        relabel(vm, any(vm.copies), labels());
    }

    private Copy relabel(PlainVm vm, Copy copy, Labels labels) {
        story.accept("relabel " + copy.name() + " of " + vm.name + (labels.held() ? ", held" : ""));
        Snapshot changed = engine.relabel(OperationId.random(), ask(vm), ask(vm, copy), old -> {
            assertThat(old).isEqualTo(copy.snapshot().labels());
            return labels;
        });
        assertThat(changed).isEqualTo(copy.snapshot().with(labels));
        return vm.replace(copy, changed);
    }

    /** Somebody takes a disk from the VM or gives it back. */
    private void redefine(PlainVm vm) {
        if (vm.attached.size() < vm.live.size()) {
            story.accept("give " + vm.name + " all its disks");
            vm.attached = new TreeSet<>(vm.live.keySet());
        } else if (vm.attached.size() > 1) {
            DiskName disk = any(vm.attached);
            story.accept("detach " + disk + " of " + vm.name);
            vm.attached.remove(disk);
        } else {
            story.accept("no disk to detach of " + vm.name);
        }
        define(vm, VmState.OFF);
    }

    private void rebuild() {
        story.accept("rebuild the catalog");
        assertThat(engine.rebuildCatalog(OperationId.random())).isEqualTo(snapshots());
    }

    private void restart(boolean withoutCatalog) throws IOException {
        story.accept("restart" + (withoutCatalog ? " without the catalog" : ""));
        shut();
        if (withoutCatalog) {
            try (Stream<Path> files = Files.list(state)) {
                for (Path file : files.filter(
                                file -> file.getFileName().toString().startsWith("catalog"))
                        .toList()) {
                    Files.delete(file);
                }
            }
        }
        open();
    }

    private void askForWhatIsNotThere(PlainVm vm) {
        String asked = ask(vm);
        OperationId operation = OperationId.random();
        DiskName absent = new DiskName("vdz");
        story.accept("ask for what is not there, " + vm.name);
        assertRefused(
                Code.NOT_FOUND,
                "no VM has that name",
                () -> engine.take(new TakeRequest(
                        operation, "nobody", Optional.empty(), Labels.NONE, Optional.empty(), false, Set.of())));
        assertRefused(
                Code.NOT_FOUND,
                "it has no disk vdz",
                () -> engine.take(new TakeRequest(
                        operation, asked, Optional.empty(), Labels.NONE, Optional.empty(), false, Set.of(absent))));
        assertRefused(Code.NOT_FOUND, "no VM has that name", () -> engine.undo(operation, "nobody", true));
        assertAbsent(() -> engine.rollBack(new RollbackRequest(operation, asked, "absent", Set.of(), true)));
        assertAbsent(() -> engine.delete(operation, asked, "absent"));
        assertAbsent(() -> engine.relabel(operation, asked, "absent", labels -> Labels.NONE));
        assertAbsent(() -> engine.clone(operation, asked, "absent", new VmName("never")));
        // A snapshot of another VM is as absent as one that never was.
        vms.stream()
                .filter(other -> other != vm)
                .flatMap(other -> other.copies.stream())
                .forEach(copy -> {
                    String foreign = copy.snapshot().id().value();
                    assertAbsent(() -> engine.delete(operation, asked, foreign));
                    assertAbsent(() -> engine.rollBack(new RollbackRequest(operation, asked, foreign, Set.of(), true)));
                });
        if (!vm.copies.isEmpty()) {
            String snapshot = ask(vm, any(vm.copies));
            assertRefused(
                    Code.NOT_FOUND,
                    "does not have it",
                    () -> engine.rollBack(new RollbackRequest(operation, asked, snapshot, Set.of(absent), true)));
        }
    }

    private void assertAbsent(ThrowingCallable call) {
        assertRefused(Code.NOT_FOUND, "no snapshot of that name", call);
    }

    private static void assertRefused(Code code, String why, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.code()).as(problem.getMessage()).isEqualTo(code);
            assertThat(problem.why()).contains(why);
        });
    }

    /** A client that lost the answer asks again and is told the same. */
    private <T> T perhapsTwice(Supplier<T> request) {
        T result = request.get();
        if (oneIn(4)) {
            story.accept("  asked again");
            assertThat(request.get()).isEqualTo(result);
        }
        return result;
    }

    private void makeRoom() {
        while (snapshots() >= MOST_SNAPSHOTS) {
            PlainVm vm = any(vms.stream().filter(one -> !one.copies.isEmpty()).toList());
            delete(vm, any(vm.copies));
        }
    }

    private long snapshots() {
        return vms.stream().mapToLong(vm -> vm.copies.size()).sum();
    }

    private String ask(PlainVm vm) {
        return oneIn(2) ? vm.name : vm.id.value();
    }

    private String ask(PlainVm vm, Copy copy) {
        if (copy == vm.copies.get(vm.copies.size() - 1) && oneIn(2)) {
            return "latest";
        }
        return oneIn(2) ? copy.name().value() : copy.snapshot().id().value();
    }

    private void define(PlainVm vm, VmState power) {
        manager.put(vm.id, vm.name, power, definition(vm));
    }

    private List<Disk> definition(PlainVm vm) {
        return vm.attached.stream()
                .map(disk -> new Disk(disk, storage.kind(), vm.paths.get(disk).toString(), "raw", false, false))
                .toList();
    }

    private void assertDefined(PlainVm vm, VmState power) {
        Vm found = manager.find(vm.id).orElseThrow();
        assertThat(found.name().value()).isEqualTo(vm.name);
        assertThat(found.state()).as("state of " + vm.name).isEqualTo(power);
        assertThat(found.disks()).as("disks of " + vm.name).isEqualTo(definition(vm));
    }

    private void compare() throws IOException {
        List<Copy> copies = vms.stream().flatMap(vm -> vm.copies.stream()).toList();
        assertThat(catalogued())
                .containsExactlyInAnyOrderElementsOf(
                        copies.stream().map(Copy::snapshot).toList());
        assertThat(catalog.vms().stream().collect(Collectors.toMap(VmEntry::vm, VmEntry::snapshots)))
                .isEqualTo(counts());
        for (Copy copy : copies) {
            assertThat(copy.snapshot().disks().stream().map(DiskImage::disk))
                    .as(copy.name().value())
                    .containsExactlyInAnyOrderElementsOf(copy.disks().keySet());
            for (DiskName disk : copy.disks().keySet()) {
                Content image = engine.image(copy.snapshot(), disk);
                assertThat(image.status().size()).isEqualTo(copy.disks().get(disk).length);
                assertSame(
                        copy.snapshot().vmName() + " " + copy.name() + " " + disk,
                        image,
                        copy.disks().get(disk));
            }
        }
        assertThat(manager.vms()).hasSameSizeAs(vms);
        for (PlainVm vm : vms) {
            assertDefined(vm, VmState.OFF);
            for (DiskName disk : vm.live.keySet()) {
                assertSame(vm.name + " " + disk, Content.of(vm.paths.get(disk)), vm.live.get(disk));
            }
        }
        storage.assertNothingStaged();
    }

    private List<Snapshot> catalogued() {
        List<Snapshot> found = new ArrayList<>();
        // Small pages, so that there are several.
        SnapshotQuery query = SnapshotQuery.ALL.limitedTo(5);
        while (true) {
            Page page = catalog.query(query);
            found.addAll(page.snapshots());
            if (page.next().isEmpty()) {
                return found;
            }
            query = query.from(page.next().get());
        }
    }

    private Map<VmId, Long> counts() {
        Map<VmId, Long> counts = new HashMap<>();
        vms.stream().filter(vm -> !vm.copies.isEmpty()).forEach(vm -> counts.put(vm.id, (long) vm.copies.size()));
        return counts;
    }

    /** Compares every byte: that costs less than a digest, and tells where the first difference is. */
    private void assertSame(String what, Content content, byte[] expected) throws IOException {
        // One byte more, to see the end.
        if (read.capacity() <= expected.length) {
            read = ByteBuffer.allocateDirect(2 * expected.length);
        }
        read.clear().limit(expected.length + 1);
        try (Content.Reader reader = content.open()) {
            while (read.hasRemaining() && reader.channel().read(read, read.position()) > 0) {}
        }
        int different = read.flip().mismatch(ByteBuffer.wrap(expected));
        assertThat(different).as("first wrong byte of " + what).isEqualTo(-1);
    }
}
