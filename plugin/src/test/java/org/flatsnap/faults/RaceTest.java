package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.flatsnap.faults.RaceBench.Machine;
import org.flatsnap.faults.RaceMachines.Request;
import org.flatsnap.model.VmState;
import org.flatsnap.testing.RunningGuest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Many at once: a run at random, and one by one the meetings in which two could spoil each other's work. */
class RaceTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int SMALL = 1 << 16;

    private static RaceMachines power;
    private static RaceBench bench;
    private static RaceClient api;
    private static ExecutorService others;

    @BeforeAll
    static void open() throws IOException {
        power = new RaceMachines();
        bench = new RaceBench(PATIENCE, power);
        api = new RaceClient(bench.socket(), 100);
        others = Executors.newCachedThreadPool();
    }

    @AfterAll
    static void close() throws IOException {
        others.shutdownNow();
        api.close();
        bench.close();
    }

    /** A test that failed must not leave requests behind that keep the bench from ending. */
    @AfterEach
    void letGo() {
        power.holdNothing();
    }

    private static RaceClient.Answer ask(String method, String path, String body) {
        try {
            return api.send(
                    method,
                    "/v1/" + path,
                    body,
                    method.equals("GET")
                            ? Optional.empty()
                            : Optional.of(UUID.randomUUID().toString()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static JsonObject succeed(String method, String path, String body) {
        RaceClient.Answer answer = ask(method, path, body);
        assertThat(answer.status()).as("%s", answer.json()).isBetween(200, 299);
        return answer.json().getAsJsonObject();
    }

    private static CompletableFuture<RaceClient.Answer> begin(String method, String path, String body) {
        return CompletableFuture.supplyAsync(() -> ask(method, path, body), others);
    }

    private static void take(Machine vm, String name) {
        succeed("POST", snapshots(vm), "{\"name\":\"" + name + "\"}");
    }

    private static String snapshots(Machine vm) {
        return "vms/" + vm.name() + "/snapshots";
    }

    private static String snapshot(Machine vm, String name) {
        return snapshots(vm) + "/" + name;
    }

    private static List<String> names(Machine vm) {
        List<String> names = new ArrayList<>();
        for (JsonElement snapshot :
                succeed("GET", "snapshots?vmName=" + vm.name(), "").getAsJsonArray("snapshots")) {
            names.add(snapshot.getAsJsonObject().get("name").getAsString());
        }
        return names;
    }

    /** Waits until so many requests about a VM are where the word says. */
    private static void awaitStep(Machine vm, int requests, String step) {
        RunningGuest.await(Duration.ofSeconds(30), step, () -> {
            int found = 0;
            for (JsonElement status : succeed("GET", "health", "").getAsJsonArray("underWay")) {
                String text = status.toString();
                found += text.contains(vm.name()) && text.contains(step) ? 1 : 0;
            }
            return found == requests;
        });
    }

    private static CountDownLatch hold(Machine vm, Request request) {
        CountDownLatch gate = new CountDownLatch(1);
        power.hold(vm.id(), request, gate);
        return gate;
    }

    private static Machine running(String name, int... stores) {
        return bench.machine(name, VmState.RUNNING, SMALL, stores);
    }

    @Test
    void sixtyFourClientsOnTwentyVmsAreAnsweredAsIfOneAfterAnother() throws IOException {
        RaceRun.Report report = RaceRun.run(RaceRun.Settings.of(System.currentTimeMillis(), Duration.ofSeconds(12)));
        System.err.println(report);
        assertThat(report.violations()).isEmpty();
        assertThat(report.violationsInAll()).isZero();
        assertThat(report.overlaps()).isPositive();
    }

    @Test
    void aVmThatTakesItsTimeToStopHoldsUpNothingElse() {
        Machine slow = running("slow-stop", 0);
        Machine other = running("beside-slow-stop", 0);
        take(slow, "s1");
        take(other, "s1");
        CountDownLatch gate = hold(slow, Request.STOP);
        CompletableFuture<RaceClient.Answer> rollback =
                begin("POST", snapshot(slow, "s1") + "/rollback", "{\"stop\":true}");
        awaitStep(slow, 1, "stopping VM");

        succeed("POST", snapshot(other, "s1") + "/rollback", "{\"stop\":true}");
        take(other, "s2");
        succeed("DELETE", snapshot(other, "s1"), "");
        assertThat(names(slow)).containsExactly("s1");
        take(slow, "s2");
        assertThat(names(slow)).containsExactly("s2", "s1");

        assertThat(rollback).isNotDone();
        gate.countDown();
        assertThat(rollback.join().status()).isEqualTo(200);
    }

    @Test
    void aTakeThatTakesItsTimeHoldsUpItsOwnVmAlone() {
        Machine slow = running("slow-take", 0, 1);
        Machine other = running("beside-slow-take", 1, 0);
        take(slow, "s1");
        CountDownLatch gate = hold(slow, Request.SUSPEND);
        CompletableFuture<RaceClient.Answer> take = begin("POST", snapshots(slow), "{\"name\":\"s2\"}");
        awaitStep(slow, 1, "cloning");
        CompletableFuture<RaceClient.Answer> delete = begin("DELETE", snapshot(slow, "s1"), "");
        awaitStep(slow, 1, "waiting for other work");

        take(other, "s1");
        assertThat(names(slow)).containsExactly("s1");
        succeed("GET", snapshot(slow, "s1"), "");

        assertThat(take).isNotDone();
        assertThat(delete).isNotDone();
        gate.countDown();
        assertThat(take.join().status()).isEqualTo(201);
        assertThat(delete.join().status()).isEqualTo(200);
        assertThat(names(slow)).containsExactly("s2");
    }

    @Test
    void everyTagOfManyClientsStays() {
        Machine vm = running("tagged", 0);
        take(vm, "s1");
        List<CompletableFuture<RaceClient.Answer>> answers = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            answers.add(begin("PATCH", snapshot(vm, "s1"), "{\"addTags\":[\"t%02d\"]}".formatted(i)));
        }
        assertThat(answers)
                .allSatisfy(answer -> assertThat(answer.join().status()).isEqualTo(200));
        JsonObject labels = succeed("GET", snapshot(vm, "s1"), "").getAsJsonObject("labels");
        assertThat(labels.getAsJsonArray("tags")).hasSize(40);
    }

    @Test
    void aRollbackToWhatWasDeletedMeanwhileLeavesAllAsItWas() {
        Machine vm = running("rollback-deleted", 0);
        take(vm, "s1");
        vm.write("w1");
        CountDownLatch gate = hold(vm, Request.STOP);
        CompletableFuture<RaceClient.Answer> rollback =
                begin("POST", snapshot(vm, "s1") + "/rollback", "{\"stop\":true}");
        awaitStep(vm, 1, "stopping VM");
        succeed("DELETE", snapshot(vm, "s1"), "");
        gate.countDown();

        assertThat(rollback.join().code()).isEqualTo("NOT_FOUND");
        assertThat(names(vm)).isEmpty();
        assertThat(power.state(vm.id())).isEqualTo(VmState.RUNNING);
        assertThat(vm.read()).containsEntry("vda", "w1");
    }

    @Test
    void anUndoThatWaitedForAnotherUndoesThatOne() {
        Machine vm = running("two-undos", 0);
        take(vm, "s1");
        vm.write("w1");
        succeed("POST", snapshot(vm, "s1") + "/rollback", "{\"stop\":true}");
        CountDownLatch gate = hold(vm, Request.STOP);
        CompletableFuture<RaceClient.Answer> first = begin("POST", "vms/" + vm.name() + "/undo", "{\"stop\":true}");
        awaitStep(vm, 1, "stopping VM");
        CompletableFuture<RaceClient.Answer> second = begin("POST", "vms/" + vm.name() + "/undo", "{\"stop\":true}");
        awaitStep(vm, 1, "waiting for other rollbacks");
        gate.countDown();

        assertThat(first.join().status()).isEqualTo(200);
        JsonObject undone = second.join().json().getAsJsonObject();
        assertThat(undone.get("snapshot"))
                .isEqualTo(first.join().json().getAsJsonObject().get("guard"));
        assertThat(vm.read()).containsEntry("vda", "w0");
    }

    /** Or one would start the VM while the other replaces its disks. */
    @Test
    void rollbacksOfDisksOnDifferentStoresWaitForEachOther() {
        Machine vm = running("two-rollbacks", 0, 1);
        take(vm, "s1");
        vm.write("w1");
        CountDownLatch gate = hold(vm, Request.STOP);
        String path = snapshot(vm, "s1") + "/rollback";
        CompletableFuture<RaceClient.Answer> first = begin("POST", path, "{\"stop\":true,\"disks\":[\"vda\"]}");
        awaitStep(vm, 1, "stopping VM");
        CompletableFuture<RaceClient.Answer> second = begin("POST", path, "{\"stop\":true,\"disks\":[\"vdb\"]}");
        awaitStep(vm, 1, "waiting for other rollbacks");
        // That it goes on waiting can be seen by looking again alone.
        for (int i = 0; i < 20; i++) {
            awaitStep(vm, 1, "stopping VM");
            awaitStep(vm, 1, "waiting for other rollbacks");
        }
        gate.countDown();

        assertThat(first.join().status()).isEqualTo(200);
        assertThat(second.join().status()).isEqualTo(200);
        assertThat(vm.read()).isEqualTo(Map.of("vda", "w0", "vdb", "w0"));
        assertThat(power.state(vm.id())).isEqualTo(VmState.RUNNING);
    }

    @Test
    void whatLatestMeantWhenItWasAskedForIsNotDeletedWhenItMeansAnother() {
        Machine vm = running("latest", 0, 0);
        take(vm, "s1");
        CountDownLatch gate = hold(vm, Request.SUSPEND);
        CompletableFuture<RaceClient.Answer> take = begin("POST", snapshots(vm), "{\"name\":\"s2\"}");
        awaitStep(vm, 1, "cloning");
        CompletableFuture<RaceClient.Answer> delete = begin("DELETE", snapshot(vm, "latest"), "");
        awaitStep(vm, 1, "waiting for other work");
        gate.countDown();

        assertThat(take.join().status()).isEqualTo(201);
        assertThat(delete.join().code()).isEqualTo("BUSY");
        assertThat(names(vm)).containsExactly("s2", "s1");
    }

    @Test
    void aTakeOfAVmThatIsShutDownMeanwhileIsOneOfAVmThatIsOff() {
        Machine vm = running("shut-down", 0, 1);
        CountDownLatch gate = hold(vm, Request.SUSPEND);
        CompletableFuture<RaceClient.Answer> take = begin("POST", snapshots(vm), "{\"name\":\"s1\"}");
        awaitStep(vm, 1, "cloning");
        power.stop(vm.id(), PATIENCE);
        gate.countDown();

        assertThat(take.join().status()).isEqualTo(201);
        JsonObject quiescence = take.join().json().getAsJsonObject().getAsJsonObject("quiescence");
        assertThat(quiescence.get("state").getAsString()).isEqualTo("off");
        assertThat(quiescence.get("torn").getAsBoolean()).isFalse();
    }

    @Test
    void aCloneOfWhatWasDeletedMeanwhileLeavesNothing() throws IOException {
        Machine vm = running("clone-deleted", 0);
        take(vm, "s1");
        CountDownLatch gate = hold(vm, Request.CLONE);
        CompletableFuture<RaceClient.Answer> clone =
                begin("POST", snapshot(vm, "s1") + "/clone", "{\"name\":\"never-made\"}");
        power.awaitHeld(vm.id(), Request.CLONE);
        succeed("DELETE", snapshot(vm, "s1"), "");
        gate.countDown();

        assertThat(clone.join().code()).isEqualTo("NOT_FOUND");
        try (var files = Files.list(vm.disks().get("vda").getParent())) {
            assertThat(files.map(Path::getFileName).map(Path::toString))
                    .noneMatch(name -> name.startsWith("never-made"));
        }
    }

    @Test
    void oneNewNameIsGivenToOneOfTwoClones() {
        // On one store they want the same files, on two stores the name alone.
        for (Map.Entry<String, Integer> place :
                Map.of("same-store", 0, "other-store", 1).entrySet()) {
            Machine one = running("one-of-" + place.getKey(), 0);
            Machine two = running("two-of-" + place.getKey(), place.getValue());
            take(one, "s1");
            take(two, "s1");
            CountDownLatch first = hold(one, Request.CLONE);
            CountDownLatch second = hold(two, Request.CLONE);
            String body = "{\"name\":\"twin-" + place.getKey() + "\"}";
            List<CompletableFuture<RaceClient.Answer>> clones = List.of(
                    begin("POST", snapshot(one, "s1") + "/clone", body),
                    begin("POST", snapshot(two, "s1") + "/clone", body));
            power.awaitHeld(one.id(), Request.CLONE);
            power.awaitHeld(two.id(), Request.CLONE);
            first.countDown();
            second.countDown();

            assertThat(clones)
                    .extracting(
                            clone -> clone.join().ok() ? "made" : clone.join().code())
                    .containsExactlyInAnyOrder("made", "EXISTS");
        }
    }

    @Test
    void aMeasurementIsNotUpsetByDirectoriesThatGoWhileItWalks() throws IOException {
        Machine vm = running("measured", 0);
        take(vm, "s1");
        Path coming = Files.createDirectory(vm.disks().get("vda").resolveSibling("coming-and-going"));
        for (int i = 0; i < 200; i++) {
            Files.createDirectory(coming.resolve("a" + i));
        }
        AtomicBoolean measured = new AtomicBoolean();
        CompletableFuture<Void> mover = CompletableFuture.runAsync(
                () -> {
                    try {
                        for (int i = 0; !measured.get(); i = (i + 1) % 200) {
                            Files.move(coming.resolve("a" + i), coming.resolve("b" + i));
                            Files.move(coming.resolve("b" + i), coming.resolve("a" + i));
                        }
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                others);
        try {
            for (int i = 0; i < 100; i++) {
                assertThat(succeed("GET", "vms/" + vm.name() + "/space", "").getAsJsonArray("snapshots"))
                        .hasSize(1);
            }
        } finally {
            measured.set(true);
            mover.join();
        }
    }
}
