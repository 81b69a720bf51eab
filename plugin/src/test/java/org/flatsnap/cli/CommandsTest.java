package org.flatsnap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.server.ApiBench;
import org.flatsnap.testing.Bench;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every command against a real API. */
@Timeout(60)
class CommandsTest {
    private static final String TIME = "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d";

    private static ApiBench bench;

    @BeforeAll
    static void open() throws IOException {
        bench = new ApiBench();
    }

    @AfterAll
    static void close() {
        bench.close();
    }

    private static Run flatsnap(String... arguments) {
        return Run.of(bench.socket(), arguments);
    }

    private static Run done(String... arguments) {
        Run run = flatsnap(arguments);
        assertThat(run.exitCode()).describedAs("%s", run).isZero();
        return run;
    }

    @Test
    void aRequestLeavesNoFileDescriptorBehind() throws IOException {
        done("vms");
        long before = descriptors();
        for (int i = 0; i < 20; i++) {
            done("vms");
        }
        assertThat(descriptors() - before).isLessThan(20);
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    private static Run failed(String... arguments) {
        Run run = flatsnap(arguments);
        assertThat(run.exitCode()).describedAs("%s", run).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        return run;
    }

    @Test
    void vmsAreATableWithRemarks() throws IOException {
        VmId id = bench.vm("web01", "vda", "vdb");
        Disk qcow2 = new Disk(new DiskName("vda"), Disk.Kind.FILE, "/images/a.qcow2", "qcow2", false, false);
        bench.manager().put(new VmId("0000-chained"), "chained", VmState.OFF, List.of(qcow2));

        Run run = done("vms");

        assertThat(run.outLines().get(0)).matches("NAME +STATE +SNAPSHOTS +DISKS +ID");
        assertThat(run.outLines()).anyMatch(line -> line.matches("web01 +off +0 +vda, vdb +" + id));
        assertThat(run.outLines()).anyMatch(line -> line.contains("vda (unsuitable)"));
        assertThat(run.err()).contains("note: chained: disk vda is qcow2, not raw. Convert it");
    }

    @Test
    void takeTellsInOneLineWhatWasMade() throws IOException {
        bench.vm("taker", "vda", "vdb");

        Run run = done("take", "taker", "s1", "-d", "why", "-t", "prod", "-t", "db", "--disk", "vda");

        assertThat(run.out())
                .isEqualToNormalizingNewlines("took snapshot s1 of taker: 1 disk, 1.0 MiB, consistency crash\n");
        assertThat(run.err()).isEmpty();
        assertThat(done("show", "taker", "s1").outLines())
                .contains("description  why", "tags         db, prod", "held         no");
    }

    @Test
    void takeNotesWhatWasNotReached() throws IOException {
        bench.vm("reach", VmState.RUNNING, "vda", "vdb");

        Run run = done("take", "reach", "--consistency", "filesystem");

        assertThat(run.out())
                .matches("(?s)took snapshot \\S+ of reach: 2 disks, 2.0 MiB, consistency crash, paused \\d+ ms.*");
        assertThat(run.err())
                .startsWith("note: asked for filesystem, reached crash: it has no channel for the guest agent");
        assertThat(failed("take", "reach", "--consistency", "filesystem", "--strict")
                        .err())
                .startsWith("flatsnap: cannot freeze the file systems of VM reach");
    }

    @Test
    void listShowsTheNewestFirstAndHowToSeeMore() throws IOException {
        bench.vm("lister", "vda");
        for (String name : List.of("s1", "s2", "s3")) {
            done("take", "lister", name);
        }
        done("hold", "lister", "s2");

        Run all = done("list", "lister");
        assertThat(all.outLines().get(0)).matches("SNAPSHOT +TAKEN +SIZE +CONSISTENCY +MARKS +TAGS");
        assertThat(all.outLines().subList(1, 4))
                .satisfiesExactly(
                        line -> assertThat(line).matches("s3 +" + TIME + " +1.0 MiB +crash"),
                        line -> assertThat(line).matches("s2 +" + TIME + " +1.0 MiB +crash +held"),
                        line -> assertThat(line).startsWith("s1 "));
        assertThat(all.err()).isEmpty();

        Run two = done("list", "lister", "--limit", "2");
        assertThat(two.outLines()).hasSize(3);
        assertThat(two.err()).contains("--limit 20");
        assertThat(done("list").outLines().get(0)).startsWith("VM ");
    }

    @Test
    void findCombinesWhatItIsGivenAndGoesOn() throws IOException {
        bench.vm("finder", "vda");
        done("take", "finder", "nightly-1", "-t", "prod");
        done("take", "finder", "nightly-2", "-t", "prod", "-d", "Before the Upgrade");
        done("take", "finder", "weekly");

        assertThat(names("--vm", "find*", "--tag", "prod", "--oldest-first")).containsExactly("nightly-1", "nightly-2");
        assertThat(names("--vm", "finder", "--name", "night*", "--text", "upgrade"))
                .containsExactly("nightly-2");
        assertThat(names("--vm", "finder", "--after", "2020-01-01", "--before", "2999-01-01T00:00"))
                .hasSize(3);

        assertThat(names("vm=find* tag=prod")).containsExactly("nightly-2", "nightly-1");
        assertThat(names("vm=finder", "on=today", "before the", "--oldest-first"))
                .containsExactly("nightly-2");

        Run first = done("find", "--vm", "finder", "--limit", "2");
        String cursor =
                first.err().substring(first.err().indexOf("--cursor ") + 9).strip();
        assertThat(names("--vm", "finder", "--limit", "2", "--cursor", cursor)).containsExactly("nightly-1");

        Run none = done("find", "--vm", "finder", "--before", "1999-12-31");
        assertThat(none.out()).isEmpty();
        assertThat(none.err()).isEqualToNormalizingNewlines("note: no snapshots\n");
        assertThat(failed("find", "--after", "tomorrow").err()).contains("bad parameter 'after'", "2026-11-22T14:00");
    }

    private static List<String> names(String... criteria) {
        String[] arguments = new String[criteria.length + 1];
        arguments[0] = "find";
        System.arraycopy(criteria, 0, arguments, 1, criteria.length);
        return done(arguments).outLines().stream()
                .skip(1)
                .map(line -> line.split(" +")[1])
                .toList();
    }

    @Test
    void rollbackAndUndo() throws IOException {
        VmId id = bench.vm("roller", VmState.RUNNING, "vda");
        done("take", "roller", "s1");
        Bench.write(bench.disk(id, "vda"), "changed");

        assertThat(failed("rollback", "roller", "s1").err()).contains("it is running", "--stop");
        assertThat(done("rollback", "roller", "s1", "--stop", "--disk", "vda").out())
                .startsWith("rolled roller back to s1 and started it again; the state before is kept as 2")
                .contains("'flatsnap undo roller'");
        assertThat(Bench.read(bench.disk(id, "vda"))).isEqualTo("fresh");
        assertThat(done("show", "roller", "latest").out())
                .contains("guard        taken before rollback to s1, kept until");

        assertThat(done("undo", "roller", "--stop").out()).startsWith("rolled roller back to 2");
        assertThat(Bench.read(bench.disk(id, "vda"))).isEqualTo("changed");
    }

    @Test
    void cloneNotesWhatTheNewVmLacks() throws IOException {
        bench.vm("original", "vda");
        done("take", "original", "s1");

        Run run = done("clone", "original", "s1", "copy");

        assertThat(run.out()).startsWith("made VM copy (").contains("from s1 of original", "copy-vda.raw");
        assertThat(run.err()).isEqualToNormalizingNewlines("note: it has no network\n");
    }

    @Test
    void deleteTriesAll() throws IOException {
        bench.vm("deleter", "vda");
        for (String name : List.of("s1", "s2", "s3")) {
            done("take", "deleter", name);
        }
        done("hold", "deleter", "s2");

        Run run = flatsnap("delete", "deleter", "s1", "s2", "nothing", "s3");

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.outLines()).containsExactly("deleted snapshot s1 of deleter", "deleted snapshot s3 of deleter");
        assertThat(run.errLines())
                .satisfiesExactly(
                        line -> assertThat(line).contains("it is held", "flatsnap release deleter s2"),
                        line -> assertThat(line).contains("unknown snapshot 'nothing'"));
        assertThat(done("release", "deleter", "s2").out()).startsWith("released snapshot s2");
        assertThat(done("delete", "deleter", "s2").exitCode()).isZero();
    }

    @Test
    void whatOthersTookIsMarkedAndCanOnlyBeAdopted() throws IOException {
        bench.vm("guest", "vda");
        done("take", "guest", "s1");
        Snapshot own = bench.catalog()
                .query(SnapshotQuery.ALL.ofVmsNamed("guest"))
                .snapshots()
                .get(0);
        bench.catalog().put(foreign(own, "autosnap_daily"));

        assertThat(done("list", "guest").outLines())
                .anySatisfy(
                        line -> assertThat(line).startsWith("autosnap_daily ").endsWith(" foreign"));
        assertThat(failed("delete", "guest", "autosnap_daily").err())
                .contains("flatsnap did not take it", "flatsnap adopt guest autosnap_daily");
        assertThat(failed("adopt", "guest", "autosnap_daily").err()).contains("Only ZFS has such snapshots");
        assertThat(failed("adopt", "guest", "s1").err()).contains("it is flatsnap's own");
        assertThat(failed("adopt", "guest", "nothing").err()).contains("unknown snapshot 'nothing'");
    }

    private static Snapshot foreign(Snapshot own, String name) {
        return new Snapshot(
                SnapshotId.of(own.takenAt(), 1),
                own.vm(),
                own.vmName(),
                new SnapshotName(name),
                own.takenAt(),
                own.labels(),
                Optional.empty(),
                Optional.of(new Snapshot.Foreign(name, false)),
                own.quiescence(),
                own.home(),
                own.disks(),
                Optional.empty(),
                OperationId.random());
    }

    @Test
    void labelsAreChanged() throws IOException {
        bench.vm("labels", "vda");
        done("take", "labels", "s1", "-t", "a");

        assertThat(done("tag", "labels", "s1", "--add", "b", "--add", "c", "--remove", "a")
                        .out())
                .isEqualToNormalizingNewlines("changed the tags of snapshot s1 of labels\n");
        assertThat(done("describe", "labels", "s1", "two\nlines").out()).startsWith("described snapshot s1");
        assertThat(done("show", "labels", "s1").outLines())
                .contains("tags         b, c", "description  two", "description  lines");
        done("describe", "labels", "s1", "");
        assertThat(done("show", "labels", "s1").out()).doesNotContain("description");
        assertThat(flatsnap("tag", "labels", "s1").exitCode()).isEqualTo(2);
    }

    @Test
    void catalogIsRebuilt() {
        assertThat(done("catalog", "rebuild").out()).matches("(?s)the catalog holds \\d+ snapshots.*");
    }

    @Test
    void doctorMarksItsFindingsAndFailsWithThem() throws IOException {
        Run healthy = done("doctor");
        assertThat(healthy.outLines())
                .contains("ok       manager: a manager in memory", "ok       view: mounted at /snapshots");
        assertThat(Run.onTerminal(bench.socket(), "doctor").out()).contains("\u001b[32mok\u001b[39m       manager");

        bench.manager()
                .failWith(new Problem(Problem.Code.UNAVAILABLE, "cannot reach libvirt", "it is off", "Start libvirtd"));
        try {
            Run ill = flatsnap("doctor");
            assertThat(ill.exitCode()).isEqualTo(1);
            assertThat(ill.out())
                    .contains("failure  manager: cannot reach libvirt: it is off", "\n         Start libvirtd");
            assertThat(flatsnap("doctor", "--json").exitCode()).isEqualTo(1);
        } finally {
            bench.manager().failWith(null);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "移行前",
                "Größe ändern",
                "до обновления",
                "قبل الترقية",
                "100% sure?",
                "a#b&c=d;e",
                "'quoted' \"twice\"",
                "back\\slash",
                "a+b",
                "%2F",
                "🚀 launch",
                "$(reboot)",
                "@|red x|@",
                "{json}",
                "~tilde*?[]",
                "${env:HOME}"
            })
    void namesOfAnyScriptGoTheWholeWay(String name) throws IOException {
        VmId id = bench.vm("vm " + name, "vda");

        done("take", "vm " + name, name, "-d", name);

        assertThat(done("list", "vm " + name).outLines().get(1)).startsWith(name + "  ");
        assertThat(done("show", id.value(), name).outLines()).contains("description  " + name);
        assertThat(json(done("list", "vm " + name, "--json"))
                        .getAsJsonArray("snapshots")
                        .get(0)
                        .getAsJsonObject()
                        .get("name")
                        .getAsString())
                .isEqualTo(name);
        done("delete", "vm " + name, name);
    }

    private static JsonObject json(Run run) {
        return JsonParser.parseString(run.out()).getAsJsonObject();
    }

    @Test
    void jsonIsTheAnswerOfTheApi() throws IOException {
        bench.vm("machine", "vda");

        JsonObject taken = json(done("take", "machine", "s1", "--json"));

        assertThat(json(done("--json", "show", "machine", "s1"))).isEqualTo(taken);
        assertThat(json(done("vms", "--json")).getAsJsonArray("vms")).isNotEmpty();
        assertThat(json(done("doctor", "--json")).getAsJsonArray("findings")).isNotEmpty();
        assertThat(json(done("catalog", "rebuild", "--json")).get("snapshots").getAsInt())
                .isPositive();
        Run run = failed("show", "machine", "nothing", "--json");
        JsonObject problem = JsonParser.parseString(run.err()).getAsJsonObject();
        assertThat(problem.get("code").getAsString()).isEqualTo("NOT_FOUND");
        assertThat(problem.get("status").getAsInt()).isEqualTo(404);
    }

    @Test
    void aCommandRepeatedWithItsOperationIsDoneOnce() throws IOException {
        bench.vm("repeater", "vda");
        String operation = UUID.randomUUID().toString();

        Run first = done("take", "repeater", "--operation", operation);
        Run second = done("take", "repeater", "--operation", operation);

        assertThat(second.out()).isEqualTo(first.out());
        assertThat(done("list", "repeater").outLines()).hasSize(2);

        done("take", "repeater", "s1");
        done("take", "repeater", "s2");
        String deletion = UUID.randomUUID().toString();
        Run deleted = done("delete", "repeater", "s1", "s2", "--operation", deletion);
        assertThat(done("delete", "repeater", "s1", "s2", "--operation", deletion))
                .isEqualTo(deleted);
    }

    @Test
    void longWorkIsWatched() throws IOException {
        bench.vm("slow", VmState.RUNNING, "vda");
        done("take", "slow", "s1");

        Run plain = whileStopIsHeld(() -> flatsnap("rollback", "slow", "s1", "--stop"));
        assertThat(plain.exitCode()).isZero();
        assertThat(plain.errLines().get(0)).isEqualTo("stopping VM slow (2 s)");
        assertThat(plain.err()).doesNotContain("\u001b").doesNotContain("\r");

        Run terminal = whileStopIsHeld(() -> Run.onTerminal(bench.socket(), "rollback", "slow", "s1", "--stop"));
        assertThat(terminal.exitCode()).isZero();
        assertThat(terminal.err())
                .startsWith("\r\u001b[Kstopping VM slow (2 s)\r\u001b[K")
                .endsWith(" s)\r\u001b[K");

        Run json = whileStopIsHeld(() -> flatsnap("rollback", "slow", "s1", "--stop", "--json"));
        assertThat(json.err()).isEmpty();
    }

    private static Run whileStopIsHeld(Supplier<Run> command) {
        CountDownLatch gate = new CountDownLatch(1);
        bench.manager().holdStopsUntil(gate);
        ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
        try {
            timer.schedule(gate::countDown, 3500, TimeUnit.MILLISECONDS);
            return command.get();
        } finally {
            timer.shutdownNow();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\u001b[31mred",
                "a\u009b31m",
                "a\u202eb",
                "line\nbreak",
                "\ufffd\ufffd",
                "a/b",
                "..",
                "latest",
                " "
            })
    void badNamesAreRefusedByNameAndHarmless(String name) throws IOException {
        bench.vm("careful", "vda");

        Run run = failed("take", "careful", name);

        assertThat(run.err()).startsWith("flatsnap: bad snapshot name");
        assertThat(run.errLines()).hasSize(1);
        assertThat(run.err().strip().codePoints())
                .noneMatch(c -> Character.isISOControl(c) || Character.getType(c) == Character.FORMAT);
    }

    @Test
    void textThatWasNotUtf8IsExplained() throws IOException {
        bench.vm("encoded", "vda");
        assertThat(failed("take", "encoded", "gr\ufffd\ufffdn").err())
                .contains("it is not valid UTF-8", "check that LANG ends in UTF-8");
    }

    @Test
    void anEmptyNameIsExplained() {
        assertThat(failed("show", "", "s1").err()).startsWith("flatsnap: bad name: it is empty");
    }

    @Test
    void aDaemonThatDoesNotRunIsExplained() {
        Path nowhere = bench.socket().resolveSibling("nowhere.sock");

        Run run = Run.of(nowhere, "list");
        assertThat(run.exitCode()).isEqualTo(3);
        assertThat(run.err())
                .isEqualToNormalizingNewlines("flatsnap: cannot reach flatsnapd at " + nowhere
                        + ": No such file or directory. Start it: systemctl start flatsnapd.\n");
        assertThat(Run.of(nowhere, "delete", "web01", "s1", "s2").errLines()).hasSize(1);
        assertThat(Run.of(nowhere, "take", "web01", "--json").exitCode()).isEqualTo(3);
    }
}
