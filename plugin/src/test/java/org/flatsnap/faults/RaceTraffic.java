package org.flatsnap.faults;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.flatsnap.catalog.Page;
import org.flatsnap.engine.CloneResult;
import org.flatsnap.engine.RollbackResult;
import org.flatsnap.engine.SpaceReport;
import org.flatsnap.faults.RaceBench.Machine;
import org.flatsnap.faults.RaceModel.Change;
import org.flatsnap.faults.RaceModel.Filter;
import org.flatsnap.faults.RaceModel.Seen;
import org.flatsnap.model.Json;
import org.flatsnap.model.Snapshot;

/** What clients ask at random, each as what it is and with what its answer means. Used by the threads of all clients. */
final class RaceTraffic {
    private static final int NAMES = 12;
    private static final int TAGS = 5;
    private static final int MANY = 14;
    private static final int REMEMBERED = 12;
    private static final long HOT_NANOS = 2_000_000_000L;

    private final RaceBench bench;
    private final RaceMachines power;
    private final RaceClient api;
    private final List<Machine> machines;
    private final Map<Machine, RaceHistory> histories;
    private final Map<Machine, Map<String, String>> known;
    private final RaceFigures figures;
    private final RaceWatch watch;
    private final RaceViewers viewers;
    private final ExecutorService twins;
    // What is off has no guest that knows when it is taken or rolled back, so the one who writes to it has to.
    private final Map<Machine, ReadWriteLock> offline = new ConcurrentHashMap<>();
    private final Map<String, String> names = new ConcurrentHashMap<>();
    private final AtomicInteger words = new AtomicInteger();
    private final AtomicInteger clones = new AtomicInteger();
    private final Map<String, NewVm> made = new ConcurrentHashMap<>();

    /** @param twins runs what is sent twice at once */
    RaceTraffic(RaceScene scene, RaceClient api, RaceViewers viewers, ExecutorService twins) {
        this.bench = scene.bench();
        this.power = scene.power();
        this.machines = scene.machines();
        this.histories = scene.histories();
        this.known = scene.known();
        this.figures = scene.figures();
        this.watch = scene.watch();
        this.api = api;
        this.viewers = viewers;
        this.twins = twins;
        machines.forEach(machine -> offline.put(machine, new ReentrantReadWriteLock(true)));
    }

    /** A name that two clients want for a new VM: made or not, and removed when both have been answered. */
    private static final class NewVm {
        private final RaceHistory history = new RaceHistory();
        private final AtomicInteger answers = new AtomicInteger();
        private volatile Optional<CloneResult> vm = Optional.empty();
    }

    /**
     * Something to ask.
     *
     * @param changes whether it bears an operation id
     * @param success what the answer, to the operation of that id, means to the VM
     * @param refusal what a code means to the VM; nothing if it means nothing, empty if it must not come
     */
    private record Request(
            String kind,
            Machine machine,
            String method,
            String path,
            String body,
            boolean changes,
            BiFunction<RaceClient.Answer, String, List<RaceCall<RaceModel>>> success,
            BiFunction<String, String, Optional<List<RaceCall<RaceModel>>>> refusal) {
        @Override
        public String toString() {
            return method + " " + path + " " + body;
        }
    }

    private record Sent(Request request, String operation) {}

    /** One client: what it knows of its own doing, and its choices. */
    final class Client {
        private final Random random;
        private final Deque<Sent> earlier = new ArrayDeque<>();

        Client(long seed) {
            random = new Random(seed);
        }

        /** Does one thing, with its answer. */
        void act() throws IOException {
            Machine machine = machine();
            int choice = random.nextInt(1000);
            // A VM with many snapshots loses some, so that the run finds room and the listings stay short.
            if (known.get(machine).size() > MANY && choice < 500) {
                change(delete(machine));
            } else if (choice < 200) {
                whileNobodyWrites(machine, () -> change(take(machine)));
            } else if (choice < 290) {
                list(machine);
            } else if (choice < 320) {
                listAll(random.nextBoolean() ? Optional.of(tag()) : Optional.empty());
            } else if (choice < 390) {
                ask(show(machine, reference(machine)), Optional.empty());
            } else if (choice < 490) {
                change(label(machine));
            } else if (choice < 570) {
                change(hold(machine));
            } else if (choice < 670) {
                change(delete(machine));
            } else if (choice < 740) {
                whileNobodyWrites(machine, () -> change(rollBack(machine)));
            } else if (choice < 765) {
                whileNobodyWrites(machine, () -> change(undo(machine)));
            } else if (choice < 785) {
                cloneVm(machine);
            } else if (choice < 800) {
                ask(measure(machine), Optional.empty());
            } else if (choice < 890) {
                write(machine);
            } else if (choice < 920) {
                readLive(machine);
            } else if (choice < 950) {
                look(machine);
            } else if (choice < 990) {
                again();
            } else if (choice < 998) {
                ask(plain("look", List.of("/v1/vms", "/v1/health").get(random.nextInt(2))), Optional.empty());
            } else if (choice < 999) {
                ask(plain("look", "/v1/doctor"), Optional.empty());
            } else {
                ask(rebuild(), Optional.of(UUID.randomUUID().toString()));
            }
        }

        /** Any VM, and one of them more often than the others for a while. */
        private Machine machine() {
            if (random.nextInt(4) == 0) {
                return machines.get((int) (System.nanoTime() / HOT_NANOS % machines.size()));
            }
            return machines.get(random.nextInt(machines.size()));
        }

        /** Sends a change: now and then twice at once. */
        private void change(Request request) throws IOException {
            String operation = UUID.randomUUID().toString();
            send(request, operation);
            if (earlier.size() == REMEMBERED) {
                earlier.removeFirst();
            }
            earlier.addLast(new Sent(request, operation));
        }

        private RaceClient.Answer send(Request request, String operation) throws IOException {
            if (random.nextInt(12) == 0) {
                CompletableFuture<Void> twin = CompletableFuture.runAsync(
                        () -> {
                            try {
                                ask(request, Optional.of(operation));
                            } catch (IOException e) {
                                figures.violation("a connection broke: " + e);
                            }
                        },
                        twins);
                RaceClient.Answer answer = ask(request, Optional.of(operation));
                twin.join();
                return answer;
            }
            return ask(request, Optional.of(operation));
        }

        /** What a snapshot is called; guards are known by listings alone. */
        private void learn(Snapshot snapshot) {
            names.put(snapshot.id().value(), snapshot.name().value());
            if (snapshot.guard().isPresent()) {
                machines.stream()
                        .filter(machine -> machine.id().equals(snapshot.vm()))
                        .forEach(machine -> known.get(machine)
                                .put(snapshot.id().value(), snapshot.name().value()));
            }
        }

        /** Sends one of its last changes again. */
        private void again() throws IOException {
            if (earlier.isEmpty()) {
                return;
            }
            Sent sent = List.copyOf(earlier).get(random.nextInt(earlier.size()));
            whileNobodyWrites(sent.request().machine(), () -> ask(sent.request(), Optional.of(sent.operation())));
        }

        private String reference(Machine machine) {
            List<Map.Entry<String, String>> all = List.copyOf(known.get(machine).entrySet());
            int choice = random.nextInt(20);
            if (choice == 0) {
                return "latest";
            }
            if (choice == 1 || all.isEmpty()) {
                return name();
            }
            Map.Entry<String, String> one = all.get(random.nextInt(all.size()));
            return choice < 8 ? one.getKey() : one.getValue();
        }

        private String name() {
            return "s" + random.nextInt(NAMES);
        }

        private String tag() {
            return "t" + random.nextInt(TAGS);
        }

        private Set<String> disks(Machine machine) {
            return machine.disks().size() > 1 && random.nextInt(4) == 0
                    ? Set.of(random.nextBoolean() ? "vda" : "vdb")
                    : Set.of();
        }

        private Request take(Machine machine) {
            Optional<String> name = random.nextInt(4) == 0 ? Optional.empty() : Optional.of(name());
            Set<String> disks = disks(machine);
            JsonObject body = new JsonObject();
            name.ifPresent(text -> body.addProperty("name", text));
            body.add("tags", array(random.nextBoolean() ? Set.of(tag()) : Set.of()));
            body.add("disks", array(disks));
            return new Request(
                    "take",
                    machine,
                    "POST",
                    snapshots(machine),
                    body.toString(),
                    true,
                    (answer, operation) -> {
                        Snapshot snapshot = snapshot(machine, answer.json());
                        known.get(machine)
                                .put(snapshot.id().value(), snapshot.name().value());
                        histories.get(machine).made(snapshot.id().value());
                        boolean torn = snapshot.quiescence().torn();
                        if (torn) {
                            figures.note("take", "torn");
                        }
                        return RaceModel.took(Seen.of(snapshot), disks, torn);
                    },
                    (code, operation) -> code.equals("EXISTS") && name.isPresent()
                            ? Optional.of(List.of(RaceModel.exists(name.get())))
                            : Optional.empty());
        }

        private Request label(Machine machine) {
            Set<String> added = random.nextBoolean() ? Set.of(tag()) : Set.of();
            Set<String> removed = random.nextInt(3) == 0 ? Set.of(tag()) : Set.of();
            Optional<String> description = random.nextInt(3) == 0 || added.isEmpty() && removed.isEmpty()
                    ? Optional.of("d" + random.nextInt(1000))
                    : Optional.empty();
            return relabel("label", machine, new Change(added, removed, description, Optional.empty()));
        }

        private Request hold(Machine machine) {
            // More is let go than held, or nothing could be deleted in the end.
            return relabel(
                    "hold",
                    machine,
                    new Change(Set.of(), Set.of(), Optional.empty(), Optional.of(random.nextInt(3) == 0)));
        }

        private Request relabel(String kind, Machine machine, Change change) {
            String reference = reference(machine);
            JsonObject body = new JsonObject();
            body.add("addTags", array(change.added()));
            body.add("removeTags", array(change.removed()));
            change.description().ifPresent(text -> body.addProperty("description", text));
            change.held().ifPresent(held -> body.addProperty("held", held));
            return new Request(
                    kind,
                    machine,
                    "PATCH",
                    snapshot(machine, reference),
                    body.toString(),
                    true,
                    (answer, operation) ->
                            List.of(RaceModel.changed(reference, change, Seen.of(snapshot(machine, answer.json())))),
                    unknown(kind, reference));
        }

        private Request delete(Machine machine) {
            String reference = reference(machine);
            return new Request(
                    "delete",
                    machine,
                    "DELETE",
                    snapshot(machine, reference),
                    "",
                    true,
                    (answer, operation) -> {
                        Seen seen = Seen.of(snapshot(machine, answer.json()));
                        known.get(machine).remove(seen.id());
                        viewers.gone(operation, machine, seen.name(), answer.from(), answer.to());
                        return List.of(RaceModel.deleted(reference, seen));
                    },
                    (code, operation) -> switch (code) {
                        case "NOT_FOUND" -> {
                            // A take that was repeated after its snapshot was deleted had told of it again.
                            known.get(machine).remove(reference);
                            known.get(machine).values().remove(reference);
                            yield Optional.of(List.of(RaceModel.unknown("delete", reference)));
                        }
                        case "REFUSED" -> Optional.of(List.of(RaceModel.held(reference)));
                        default -> Optional.empty();
                    });
        }

        private Request rollBack(Machine machine) {
            String reference = reference(machine);
            Set<String> disks = disks(machine);
            boolean stop = machine.runs() && random.nextInt(10) != 0;
            JsonObject body = new JsonObject();
            body.addProperty("stop", stop);
            body.add("disks", array(disks));
            return new Request(
                    "rollback",
                    machine,
                    "POST",
                    snapshot(machine, reference) + "/rollback",
                    body.toString(),
                    true,
                    (answer, operation) -> {
                        RollbackResult result = Json.COMPACT.fromJson(answer.json(), RollbackResult.class);
                        told(machine, result);
                        return RaceModel.rolledBack(
                                reference, disks, result.snapshot().value(), () -> guard(result));
                    },
                    (code, operation) -> switch (code) {
                        case "NOT_FOUND" -> Optional.of(List.of(RaceModel.unknownDisk("roll back", reference, disks)));
                        // It runs, which this client must not end.
                        case "REFUSED" -> machine.runs() && !stop ? Optional.of(List.of()) : Optional.empty();
                        default -> Optional.empty();
                    });
        }

        private Request undo(Machine machine) {
            return new Request(
                    "undo",
                    machine,
                    "POST",
                    "/v1/vms/" + machine.name() + "/undo",
                    "{\"stop\":" + machine.runs() + "}",
                    true,
                    (answer, operation) -> {
                        RollbackResult result = Json.COMPACT.fromJson(answer.json(), RollbackResult.class);
                        told(machine, result);
                        return RaceModel.undone(result.snapshot().value(), () -> guard(result));
                    },
                    (code, operation) ->
                            code.equals("NOT_FOUND") ? Optional.of(List.of(RaceModel.noGuard())) : Optional.empty());
        }

        private Request measure(Machine machine) {
            return new Request(
                    "space",
                    machine,
                    "GET",
                    "/v1/vms/" + machine.name() + "/space",
                    "",
                    false,
                    (answer, operation) -> List.of(RaceModel.measured(
                            Json.COMPACT.fromJson(answer.json(), SpaceReport.class).snapshots().stream()
                                    .map(space -> space.id().value())
                                    .toList())),
                    (code, operation) -> Optional.empty());
        }

        private Request plain(String kind, String path) {
            return new Request(
                    kind,
                    machines.get(0),
                    "GET",
                    path,
                    "",
                    false,
                    (answer, operation) -> List.of(),
                    (code, operation) -> Optional.empty());
        }

        private Request rebuild() {
            return new Request(
                    "rebuild",
                    machines.get(0),
                    "POST",
                    "/v1/catalog/rebuild",
                    "",
                    true,
                    (answer, operation) -> List.of(),
                    (code, operation) -> Optional.empty());
        }

        /** Lists a VM's snapshots page by page; each page has to be right by itself. */
        private void list(Machine machine) throws IOException {
            boolean whole = random.nextBoolean();
            Filter filter = new Filter(
                    random.nextInt(3) == 0 ? Optional.of(tag()) : Optional.empty(),
                    random.nextInt(4) == 0 ? Optional.of("s") : Optional.empty(),
                    random.nextInt(4) == 0,
                    Optional.empty(),
                    whole ? 1000 : 1 + random.nextInt(5));
            Optional<String> cursor = Optional.empty();
            do {
                Page[] page = new Page[1];
                Filter wanted = filter;
                ask(
                        new Request(
                                "list",
                                machine,
                                "GET",
                                "/v1/snapshots?vmName=" + machine.name() + "&limit=" + filter.limit()
                                        + filter.tag()
                                                .map(text -> "&tag=" + text)
                                                .orElse("")
                                        + filter.prefix()
                                                .map(prefix -> "&name=" + prefix + "*")
                                                .orElse("")
                                        + (filter.oldestFirst() ? "&order=oldest" : "")
                                        + cursor.map(text -> "&cursor=" + text).orElse(""),
                                "",
                                false,
                                (answer, operation) -> {
                                    page[0] = page(answer);
                                    return List.of(RaceModel.listed(
                                            wanted,
                                            page[0].snapshots().stream()
                                                    .map(Seen::of)
                                                    .toList(),
                                            page[0].next().isPresent()));
                                },
                                (code, operation) -> Optional.empty()),
                        Optional.empty());
                if (page[0] == null || page[0].snapshots().isEmpty()) {
                    return;
                }
                page[0].snapshots().forEach(this::learn);
                String last = page[0].snapshots()
                        .get(page[0].snapshots().size() - 1)
                        .id()
                        .value();
                filter = new Filter(
                        filter.tag(), filter.prefix(), filter.oldestFirst(), Optional.of(last), filter.limit());
                cursor = page[0].next();
            } while (cursor.isPresent());
        }

        /** Lists all VMs at once; what it says of each has to be right. */
        void listAll(Optional<String> tag) throws IOException {
            Filter filter = new Filter(tag, Optional.empty(), false, Optional.empty(), 10_000);
            String path = "/v1/snapshots?limit=10000"
                    + filter.tag().map(text -> "&tag=" + text).orElse("");
            ask(
                    new Request(
                            "list all",
                            machines.get(0),
                            "GET",
                            path,
                            "",
                            false,
                            (answer, operation) -> {
                                Page page = page(answer);
                                page.snapshots().forEach(this::learn);
                                for (Machine machine : machines) {
                                    List<Seen> own = page.snapshots().stream()
                                            .filter(snapshot -> snapshot.vm().equals(machine.id()))
                                            .map(Seen::of)
                                            .toList();
                                    histories
                                            .get(machine)
                                            .add(
                                                    answer.from(),
                                                    answer.to(),
                                                    RaceDoor.API,
                                                    RaceModel.listed(filter, own, false));
                                }
                                return List.of();
                            },
                            (code, operation) -> Optional.empty()),
                    Optional.empty());
        }

        /** Makes a VM of a snapshot under a name that another client wants too, and looks what is on its disks. */
        private void cloneVm(Machine machine) throws IOException {
            String reference = reference(machine);
            String name = "twin-" + clones.getAndIncrement() / 2;
            NewVm twin = made.computeIfAbsent(name, unused -> new NewVm());
            Request request = new Request(
                    "clone",
                    machine,
                    "POST",
                    snapshot(machine, reference) + "/clone",
                    "{\"name\":\"" + name + "\"}",
                    true,
                    (answer, id) -> {
                        CloneResult result = Json.COMPACT.fromJson(answer.json(), CloneResult.class);
                        twin.vm = Optional.of(result);
                        twin.history.made(MADE.id());
                        twin.history.add(
                                Optional.of(id), true, result.vm().value(), answer.from(), answer.to(), making());
                        return List.of(RaceModel.cloned(reference, held(machine, name, result)));
                    },
                    (code, id) -> switch (code) {
                        case "NOT_FOUND" -> Optional.of(List.of(RaceModel.unknown("clone", reference)));
                        case "EXISTS" -> Optional.of(List.of());
                        default -> Optional.empty();
                    });
            RaceClient.Answer answer = send(request, UUID.randomUUID().toString());
            if (!answer.ok() && answer.code().equals("EXISTS")) {
                twin.history.add(answer.from(), answer.to(), RaceDoor.API, thereAlready());
            }
            if (twin.answers.incrementAndGet() == 2) {
                remove(twin);
            }
        }

        private void write(Machine machine) {
            String word = "w" + words.incrementAndGet();
            inGuest(machine, "write", () -> {
                machine.write(word);
                return RaceModel.wrote(word);
            });
        }

        private void readLive(Machine machine) {
            inGuest(machine, "read", () -> RaceModel.live(machine.read()));
        }

        /** Does what a guest does; where none runs, somebody who sees to it that no other work on the disks is under way. */
        private void inGuest(Machine machine, String kind, Supplier<RaceCall<RaceModel>> work) {
            Runnable noted = () -> {
                long from = System.nanoTime();
                RaceCall<RaceModel> call = work.get();
                long to = System.nanoTime();
                histories.get(machine).add(from, to, RaceDoor.API, call);
                figures.done(kind, to - from);
            };
            if (machine.runs()) {
                power.whileRunning(machine.id(), noted);
                return;
            }
            Lock alone = offline.get(machine).writeLock();
            alone.lock();
            try {
                noted.run();
            } finally {
                alone.unlock();
            }
        }

        /** Looks into the view: which snapshots it has, or which is the newest. */
        private void look(Machine machine) throws IOException {
            RaceHistory history = histories.get(machine);
            try (RaceWatch.Answered answered = watch.await("look into the view of " + machine.name())) {
                long from = System.nanoTime();
                if (random.nextBoolean()) {
                    Set<String> listed = new HashSet<>();
                    try (Stream<Path> entries =
                            Files.list(machine.in(bench.view()).resolve(bench.day()))) {
                        entries.forEach(entry -> listed.add(entry.getFileName().toString()));
                    } catch (NoSuchFileException e) {
                        listed.clear();
                    }
                    history.add(from, System.nanoTime(), RaceDoor.LISTING, RaceModel.viewed(listed));
                } else {
                    try {
                        Path latest =
                                Files.readSymbolicLink(machine.in(bench.view()).resolve("latest"));
                        history.add(
                                from,
                                System.nanoTime(),
                                RaceDoor.LATEST,
                                RaceModel.latest(latest.getFileName().toString()));
                    } catch (NoSuchFileException e) {
                        history.add(from, System.nanoTime(), RaceDoor.LATEST, RaceModel.unknown("look at", "latest"));
                    }
                }
                figures.done("look into the view", System.nanoTime() - from);
            }
        }
    }

    /** Work with disks of a VM that is off, to which nobody must write meanwhile. */
    private interface Work {
        void run() throws IOException;
    }

    private void whileNobodyWrites(Machine machine, Work work) throws IOException {
        Lock shared = offline.get(machine).readLock();
        shared.lock();
        try {
            work.run();
        } finally {
            shared.unlock();
        }
    }

    /** Sends it and writes down what its answer means. */
    private RaceClient.Answer ask(Request request, Optional<String> operation) throws IOException {
        RaceClient.Answer answer;
        try (RaceWatch.Answered answered = watch.await(request.toString())) {
            answer = api.send(
                    request.method(), request.path(), request.body(), request.changes() ? operation : Optional.empty());
        }
        figures.done(request.kind(), answer.to() - answer.from());
        String id = operation.orElse("");
        List<RaceCall<RaceModel>> calls;
        if (answer.ok()) {
            calls = request.success().apply(answer, id);
        } else {
            figures.note(request.kind(), answer.code());
            if (answer.code().equals("BUSY")) {
                return answer;
            }
            Optional<List<RaceCall<RaceModel>>> refusal = request.refusal().apply(answer.code(), id);
            if (refusal.isEmpty()) {
                figures.violation(request + " was answered with " + answer.status() + " " + answer.json());
                if (request.changes()) {
                    histories.get(request.machine()).lose();
                }
                return answer;
            }
            calls = refusal.get();
        }
        if (!calls.isEmpty()) {
            histories
                    .get(request.machine())
                    .add(
                            request.changes() ? operation : Optional.empty(),
                            answer.ok(),
                            answer.json().toString(),
                            answer.from(),
                            answer.to(),
                            calls);
        }
        return answer;
    }

    private Request show(Machine machine, String reference) {
        return new Request(
                "show",
                machine,
                "GET",
                snapshot(machine, reference),
                "",
                false,
                (answer, operation) -> List.of(RaceModel.shown(reference, Seen.of(snapshot(machine, answer.json())))),
                unknown("show", reference));
    }

    private static BiFunction<String, String, Optional<List<RaceCall<RaceModel>>>> unknown(
            String what, String reference) {
        return (code, operation) ->
                code.equals("NOT_FOUND") ? Optional.of(List.of(RaceModel.unknown(what, reference))) : Optional.empty();
    }

    private static String snapshots(Machine machine) {
        return "/v1/vms/" + machine.name() + "/snapshots";
    }

    private static String snapshot(Machine machine, String reference) {
        return snapshots(machine) + "/" + reference;
    }

    private static Page page(RaceClient.Answer answer) {
        Page page = Json.COMPACT.fromJson(answer.json(), Page.class);
        // JSON leaves out what is empty.
        return page.next() == null ? new Page(page.snapshots(), Optional.empty()) : page;
    }

    private static JsonArray array(Set<String> texts) {
        JsonArray array = new JsonArray();
        texts.forEach(array::add);
        return array;
    }

    private Snapshot snapshot(Machine machine, JsonElement json) {
        Snapshot snapshot = Json.COMPACT.fromJson(json, Snapshot.class);
        if (!snapshot.vm().equals(machine.id())) {
            figures.violation("a snapshot of another VM than " + machine.name() + " was given: " + snapshot);
        }
        names.put(snapshot.id().value(), snapshot.name().value());
        return snapshot;
    }

    /** An answer tells a guard's id alone; its name is told to the client that asks next, or to the one that deletes it. */
    private Seen guard(RollbackResult result) {
        String id = result.guard().orElseThrow().value();
        return new Seen(id, names.getOrDefault(id, "?"), "", new TreeSet<>(), false, true);
    }

    private void told(Machine machine, RollbackResult result) {
        if (!result.warnings().isEmpty()) {
            figures.violation("a rollback was done with warnings: " + result);
        }
        String guard = result.guard().orElseThrow().value();
        histories.get(machine).made(guard);
        try {
            ask(show(machine, guard), Optional.empty());
        } catch (IOException e) {
            figures.violation("a connection broke: " + e);
        }
    }

    // A name for a VM is a machine of its own: one snapshot stands for the VM that has it.
    private static List<RaceCall<RaceModel>> making() {
        return RaceModel.took(MADE, Set.of(), false);
    }

    private static final Seen MADE = new Seen("vm", "vm", "", new TreeSet<>(), false, false);

    private static RaceCall<RaceModel> thereAlready() {
        return RaceModel.exists("vm");
    }

    /** What the new VM's disks hold; looked at once, because it is removed some time after the first answer. */
    private Map<String, String> held(Machine machine, String name, CloneResult result) {
        Map<String, String> words = new HashMap<>();
        for (String file : result.disks()) {
            String disk = file.substring(file.lastIndexOf('-') + 1).replace(".raw", "");
            words.put(disk, RaceBench.word(Path.of(file), disk, machine.diskBytes()));
        }
        if (!result.name().value().equals(name)) {
            figures.violation("a clone was to be " + name + " and is " + result);
        }
        return words;
    }

    private void remove(NewVm twin) throws IOException {
        if (twin.vm.isPresent()) {
            power.undefine(twin.vm.get().vm());
            for (String file : twin.vm.get().disks()) {
                Files.delete(Path.of(file));
            }
        }
    }

    /** The histories of the names of new VMs. */
    List<RaceHistory> names() {
        return made.values().stream().map(twin -> twin.history).toList();
    }
}
