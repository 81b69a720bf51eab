package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.testing.RunningGuest.virsh;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.flatsnap.daemon.Configuration;
import org.flatsnap.daemon.Daemon;
import org.flatsnap.faults.Control.Fault;
import org.flatsnap.faults.CrashWorld.Machine;
import org.flatsnap.faults.PowerDisks.Loss;
import org.flatsnap.linux.Durability;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.flatsnap.testing.DaemonProcess.Answer;

/**
 * A real flatsnapd whose host loses its power at every step: two stores, each on a disk of its own, and state directory and
 * NVRAM on a third. It waits before each effect while the disks are copied as they would be found; afterwards each copy is
 * mounted in the place of the disks, a fresh daemon recovers, and what it finds is compared with what was acknowledged.
 *
 * <p>libvirt's own files lie elsewhere; of the definition of a new VM both is tried, that it is there and that it is lost.
 */
public final class PowerLoss implements AutoCloseable {
    /** The file system on the disks. */
    public enum Inside {
        /** One log for all: whatever is flushed takes all that was done before with it. */
        XFS("mkfs.xfs", "-q", "-m", "reflink=1"),
        /** An fsync makes one file durable and leaves out what it can. */
        BTRFS("mkfs.btrfs", "-q");

        private final String[] mkfs;

        Inside(String... mkfs) {
            this.mkfs = mkfs;
        }
    }

    /** How much is done. */
    public enum Extent {
        /** Take and rollback, and only what was flushed is left. */
        SHORT,
        /** All deeds, also in the middle of each flush, and everything that a power loss may leave. */
        FULL
    }

    /**
     * What was done.
     *
     * @param deeds how many requests
     * @param steps at how many steps the disks were looked at
     * @param flushes how often the kernel flushed a disk to which it had written
     * @param mounted how many different copies were mounted and recovered
     * @param acknowledged how many of these were made after the answer
     * @param catalogsReplaced how many of these had a catalog that was found damaged
     * @param violations what was not as it must be
     */
    public record Figures(
            String inside,
            int deeds,
            int steps,
            long flushes,
            int mounted,
            int acknowledged,
            int catalogsReplaced,
            List<String> violations) {}

    /** What is left after the power went at one moment. */
    private record Remains(
            VmDeed deed,
            String where,
            PowerDisks.Copy copy,
            Loss loss,
            String operation,
            Optional<JsonObject> answer,
            Map<String, Known> known,
            Set<String> made) {
        /** Whether the VM that is to be made does not exist. */
        boolean undefined() {
            return deed.makes().filter(vm -> !made.contains(vm)).isPresent();
        }

        /** The same, and libvirt has lost the definition that it was given, or somebody undefined the VM. */
        Remains without(String vm) {
            Set<String> others = new HashSet<>(made);
            others.remove(vm);
            return new Remains(deed, where, copy, loss, operation, answer, known, others);
        }

        @Override
        public String toString() {
            return deed.title() + ", power lost " + where + ", loss of " + loss
                    + (made.isEmpty() ? "" : ", VMs " + made);
        }
    }

    /** A snapshot that was acknowledged. */
    private record Known(JsonObject listed, Map<String, String> content) {}

    private final Inside inside;
    private final Extent extent;
    private final PowerDisks disks;
    private final CrashWorld world;
    private final List<Remains> remains = new ArrayList<>();
    private final Set<PowerDisks.Copy> copies = new LinkedHashSet<>();
    private final Map<String, Path> definitions = new TreeMap<>();
    private final List<String> violations = new ArrayList<>();
    private int deeds;
    private int steps;
    private int mounted;
    private int acknowledged;
    private int catalogsReplaced;

    private PowerLoss(Inside inside, Extent extent) throws IOException {
        this.inside = inside;
        this.extent = extent;
        this.disks = new PowerDisks(3, inside.mkfs);
        this.world = CrashWorld.on(
                disks.fileSystems().get(0),
                disks.fileSystems().get(1),
                Files.createDirectory(disks.fileSystems().get(2).root().resolve("daemon")));
    }

    /** All of it; takes from a minute to half an hour. Progress goes to standard error. */
    public static Figures suffer(Inside inside, Extent extent) throws IOException {
        return suffer(inside, extent, "");
    }

    private static Figures suffer(Inside inside, Extent extent, String title) throws IOException {
        try (PowerLoss power = new PowerLoss(inside, extent)) {
            power.doDeeds(title);
            power.recoverAll();
            return power.figures();
        }
    }

    /**
     * Prints the figures as JSON: {@code PowerLoss [xfs|btrfs [part of the deeds' titles]]}; how much is done says
     * {@code FLATSNAP_FAULTS=full}.
     */
    public static void main(String[] arguments) throws IOException {
        Inside inside = Inside.valueOf(arguments.length == 0 ? "XFS" : arguments[0].toUpperCase(Locale.ROOT));
        Figures figures = suffer(inside, extent(), arguments.length < 2 ? "" : arguments[1]);
        System.out.println(new GsonBuilder().setPrettyPrinting().create().toJson(figures));
        System.exit(figures.violations().isEmpty() ? 0 : 1);
    }

    static Extent extent() {
        return "full".equals(System.getenv("FLATSNAP_FAULTS")) ? Extent.FULL : Extent.SHORT;
    }

    private Figures figures() {
        return new Figures(
                inside.name(),
                deeds,
                steps,
                disks.flushes(),
                mounted,
                acknowledged,
                catalogsReplaced,
                List.copyOf(violations));
    }

    private void doDeeds(String title) throws IOException {
        List<VmDeed> all = VmDeed.all(world).stream()
                .filter(deed -> !deed.starts() && deed.title().contains(title))
                .toList();
        for (VmDeed deed : extent == Extent.FULL ? all : all.subList(0, Math.min(all.size(), 2))) {
            int before = remains.size();
            loseAtEveryStep(deed);
            deeds++;
            System.err.printf("%s: %d different remains%n", deed.title(), remains.size() - before);
        }
    }

    private void loseAtEveryStep(VmDeed deed) throws IOException {
        deed.prepare();
        // As guests have it that flush what they write.
        for (Machine vm : List.of(world.off(), world.running())) {
            for (Path file : vm.files().values()) {
                Durability.sync(file);
            }
        }
        Map<String, Known> known = known();
        String operation = UUID.randomUUID().toString();
        Moment moment = new Moment(deed, operation, known);
        if (extent == Extent.FULL) {
            disks.beforeFlush(Optional.of(copy -> lose(moment, "in a flush " + moment.where, Optional.empty(), copy)));
        }
        Control control = world.control();
        control.arm(Fault.WAIT, -1, 0, 0);
        CompletableFuture<Answer> answering = CompletableFuture.supplyAsync(() -> act(deed, operation));
        while (!answering.isDone()) {
            int site = control.waiting();
            if (site >= 0) {
                steps++;
                moment.definitionFlushed |= moment.where.contains("Libvirt.define > Durability.sync");
                moment.where = "before " + CrashWorld.SITES.all().get(site).name();
                moment.made = made(deed);
                lose(moment, moment.where, Optional.empty(), disks.copy());
                control.goOn();
            } else {
                pause();
            }
        }
        Answer answer = answering.join();
        disks.beforeFlush(Optional.empty());
        JsonObject result = result(answer);
        moment.made = made(deed);
        lose(moment, "after the answer", Optional.of(result), disks.copy());
        control.disarm();
        deed.assertDone(result);
        if (deed.makes().isPresent()) {
            define(deed.makes().get());
        }
    }

    private static Answer act(VmDeed deed, String operation) {
        try {
            return deed.act(operation);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private JsonObject result(Answer answer) {
        assertThat(answer.exitCode()).as(answer.errors() + world.tail()).isZero();
        return JsonParser.parseString(answer.output()).getAsJsonObject();
    }

    /** How far a deed has come. The disks' thread reads it too. */
    private static final class Moment {
        final VmDeed deed;
        final String operation;
        final Map<String, Known> known;
        final Set<String> seen = new HashSet<>();
        volatile String where = "at first";
        volatile Set<String> made = Set.of();
        volatile boolean definitionFlushed;

        Moment(VmDeed deed, String operation, Map<String, Known> known) {
            this.deed = deed;
            this.operation = operation;
            this.known = known;
        }
    }

    private static void pause() {
        try {
            Thread.sleep(1);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Keeps what would be left now, if it is not what was kept before. */
    private synchronized void lose(Moment moment, String where, Optional<JsonObject> answer, PowerDisks.Copy copy) {
        boolean kept = false;
        for (Loss loss : extent == Extent.FULL ? Loss.values() : new Loss[] {Loss.UNFLUSHED}) {
            Optional<String> key = copy.key(loss);
            if (key.isPresent() && moment.seen.add(loss + key.get() + moment.made + answer.isPresent())) {
                Remains full = new Remains(
                        moment.deed, where, copy, loss, moment.operation, answer, moment.known, moment.made);
                remains.add(full);
                boolean mayLack = answer.isPresent() || !moment.definitionFlushed;
                if (mayLack && moment.deed.makes().filter(moment.made::contains).isPresent()) {
                    remains.add(full.without(moment.deed.makes().get()));
                }
                kept = true;
            }
        }
        if (kept) {
            copies.add(copy);
        } else {
            copy.forget();
        }
    }

    /** The VMs that deeds made so far. */
    private Set<String> made(VmDeed deed) {
        Set<String> made = new HashSet<>(definitions.keySet());
        if (deed.makes().isPresent()
                && Commands.exitCode(
                                "virsh",
                                "-c",
                                Bench.URI,
                                "domstate",
                                deed.makes().get())
                        == 0) {
            made.add(deed.makes().get());
        }
        return made;
    }

    private void define(String vm) throws IOException {
        Path file = Files.createTempFile("flatsnap-power-", ".xml");
        Files.writeString(file, virsh("dumpxml", "--inactive", "--security-info", vm));
        definitions.put(vm, file);
    }

    /** Every snapshot that was acknowledged, with what it holds, by VM and name. */
    private Map<String, Known> known() throws IOException {
        Map<String, Known> known = new LinkedHashMap<>();
        for (Machine vm : List.of(world.off(), world.running())) {
            for (Map.Entry<String, JsonObject> entry : world.listed(vm).entrySet()) {
                Map<String, String> content = world.shown(vm, entry.getKey()).orElseThrow();
                known.put(vm.name() + " " + entry.getKey(), new Known(entry.getValue(), content));
            }
        }
        return known;
    }

    private void recoverAll() throws IOException {
        world.daemon().stop();
        endGuest();
        disks.unmount();
        Random random = new Random(5);
        for (Remains one : remains) {
            long begun = System.nanoTime();
            one.copy().insert(one.loss(), random);
            try {
                disks.mount();
                recover(one);
            } catch (AssertionError | RuntimeException e) {
                violations.add(one + ": " + e.toString().lines().limit(5).collect(Collectors.joining(" ")));
                System.err.println("VIOLATION " + one);
                e.printStackTrace();
            } finally {
                endGuest();
                Commands.exitCode("umount", "-l", world.daemon().view().toString());
                disks.unmount();
            }
            mounted++;
            acknowledged += one.answer().isPresent() ? 1 : 0;
            System.err.printf(
                    "%d of %d: %s, %d ms%n", mounted, remains.size(), one, (System.nanoTime() - begun) / 1_000_000);
        }
        for (PowerDisks.Copy copy : copies) {
            copy.forget();
        }
        disks.putBack();
        disks.mount();
    }

    private void recover(Remains one) throws IOException {
        setDefinitions(one.made());
        one.deed().assertBeforeOrAfter();
        if (one.answer().isPresent()) {
            assertNobodyWaitsToBeStarted();
        }
        try (Daemon daemon = Daemon.start(Configuration.read(world.daemon().config()))) {
            world.assertTidy();
            assertKnown(one);
            if (one.answer().isPresent() && one.undefined()) {
                one.deed().assertHandedOver();
                return;
            }
            if (one.answer().isPresent()) {
                one.deed().assertDone(one.answer().get());
            } else {
                one.deed().assertSettled();
            }
            JsonObject retried = result(act(one.deed(), one.operation()));
            one.answer().ifPresent(answer -> assertThat(retried).isEqualTo(answer));
            one.deed().assertDone(retried);
            world.assertTidy();
        }
        try (Stream<Path> files = Files.list(world.daemon().state())) {
            if (files.anyMatch(file -> file.getFileName().toString().contains(".damaged-"))) {
                catalogsReplaced++;
            }
        }
    }

    /** A note that comes back would start a VM that somebody has shut down since. */
    private void assertNobodyWaitsToBeStarted() throws IOException {
        try (Stream<Path> notes = Files.list(world.daemon().state().resolve("guests"))) {
            assertThat(notes.filter(note -> note.toString().endsWith(".stop"))).isEmpty();
        }
    }

    private void assertKnown(Remains one) throws IOException {
        for (Map.Entry<String, Known> entry : one.known().entrySet()) {
            String[] names = entry.getKey().split(" ");
            Machine vm = names[0].equals(world.off().name()) ? world.off() : world.running();
            boolean mayChange =
                    one.deed().vm().equals(vm) && one.deed().changes().equals(Optional.of(names[1]));
            if (!mayChange) {
                assertThat(world.listed(vm).get(names[1]))
                        .as(entry.getKey())
                        .isEqualTo(entry.getValue().listed());
                assertThat(world.shown(vm, names[1]))
                        .as(entry.getKey())
                        .hasValue(entry.getValue().content());
            }
        }
    }

    /** Brings it about that of the VMs that deeds made exactly these are defined. */
    private void setDefinitions(Set<String> made) {
        definitions.forEach((vm, file) -> {
            boolean there = Commands.exitCode("virsh", "-c", Bench.URI, "domstate", vm) == 0;
            if (there && !made.contains(vm)) {
                virsh("undefine", vm, "--keep-nvram");
            } else if (!there && made.contains(vm)) {
                virsh("define", file.toString());
            }
        });
    }

    private void endGuest() {
        Commands.exitCode("virsh", "-c", Bench.URI, "destroy", world.running().uuid());
    }

    @Override
    public void close() throws IOException {
        try {
            setDefinitions(Set.of());
            for (Path file : definitions.values()) {
                Files.delete(file);
            }
            world.close();
        } finally {
            disks.close();
        }
    }
}
