package org.flatsnap.view;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.testing.Bench.rawDisk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.flatsnap.fuseview.MountOptions;
import org.flatsnap.fuseview.MountedTree;
import org.flatsnap.model.Description;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.query.Moments;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.flatsnap.testing.Commands;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the kernel keeps of the view is, after each change, what a view shows of which nothing is kept. */
class KeptViewTest {
    @TempDir
    Path directory;

    private Bench bench;
    private MountedTree kept;
    private MountedTree asked;
    private Domain vm;

    @BeforeEach
    void mount() throws IOException {
        bench = Bench.onXfs();
        vm = bench.define("kept", rawDisk("vda", bench.disk("vm.raw", "v0")));
        MountOptions options = MountOptions.named("flatsnap-test");
        kept = tree().mount(directory.resolve("kept"), options);
        asked = MountedTree.mount(directory.resolve("asked"), tree(), options);
    }

    @AfterEach
    void close() throws IOException {
        kept.close();
        asked.close();
        bench.close();
    }

    private SnapshotTree tree() {
        return new SnapshotTree(bench.catalog(), bench.engine(), Moments.in(ZoneOffset.UTC));
    }

    private static String everythingIn(MountedTree view) {
        String root = view.mountPoint().toString();
        return Commands.run(
                "sh",
                "-c",
                "cd \"$1\" && find . -printf '%P %i %y %m %s %b %T@ %l\\n' | sort"
                        // Of what is never kept, the time is that of asking.
                        + " && find .retired -printf '%P %i %y %m %s %b %l\\n' | sort"
                        + " && find . .retired -name snapshot.json | sort | xargs -r cat; ls .by-date .by-date/* .search/name=s* */latest/; true",
                "sh",
                root);
    }

    private void same(String change) {
        assertThat(everythingIn(kept)).as(change).isEqualTo(everythingIn(asked));
    }

    @Test
    void everyChangeIsSeenAtOnce() {
        same("nothing");
        Snapshot first = bench.take(vm, "s0");
        same("the first of a VM");
        bench.take(vm, "s1");
        same("another");
        bench.engine()
                .relabel(
                        OperationId.random(),
                        vm.name(),
                        "s0",
                        labels ->
                                new Labels(new Description("longer than before"), Collections.emptySortedSet(), true));
        same("a description");
        bench.engine().relabel(OperationId.random(), vm.name(), "s0", labels -> Labels.NONE);
        same("no description");

        // As other hosts and other tools make them, on days of their own.
        Snapshot older = elsewhere(first, "older", Duration.ofDays(-2));
        bench.catalog().put(older);
        same("a new day before");
        bench.catalog().put(elsewhere(first, "newer", Duration.ofDays(2)));
        same("a new day after");
        bench.catalog().put(renamed(older, "moved"));
        same("another name");
        bench.catalog().remove(older.id());
        same("a day less");

        Snapshot last =
                bench.catalog().find(first.vm(), new SnapshotName("newer")).orElseThrow();
        Snapshot retired = last.with(last.labels().retired(last.takenAt()));
        bench.catalog().put(retired);
        same("the newest retired");
        bench.catalog().put(last);
        same("and back");
        bench.catalog().put(retired);
        bench.catalog().remove(last.id());
        same("and freed");

        Commands.run("virsh", "-c", Bench.URI, "domrename", vm.name(), vm.name() + "-old");
        Domain second = bench.defineExactly(vm.name(), secondDisk());
        bench.take(second, "s0");
        same("two VMs of one name");
        bench.engine().rebuildCatalog(OperationId.random());
        same("a rebuild");
        bench.engine().delete(OperationId.random(), second.uuid(), "s0");
        same("one VM of that name");
        bench.engine().delete(OperationId.random(), vm.uuid(), "s1");
        same("one less");
        bench.engine().delete(OperationId.random(), vm.uuid(), "s0");
        same("nothing again");
        assertThat(Commands.run("find", kept.mountPoint().toString()).strip())
                .isEqualTo(kept.mountPoint().toString());
    }

    private String secondDisk() {
        try {
            return rawDisk("vda", bench.disk("second.raw", "x"));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Without files on the store: it shows what a store shows from which they have just been removed. */
    private static Snapshot elsewhere(Snapshot like, String name, Duration later) {
        Instant takenAt = like.takenAt().plus(later);
        return copy(like, SnapshotId.of(takenAt, name.hashCode()), name, takenAt);
    }

    private static Snapshot renamed(Snapshot snapshot, String name) {
        return copy(snapshot, snapshot.id(), name, snapshot.takenAt());
    }

    private static Snapshot copy(Snapshot like, SnapshotId id, String name, Instant takenAt) {
        return new Snapshot(
                id,
                like.vm(),
                like.vmName(),
                new SnapshotName(name),
                takenAt,
                like.labels(),
                Optional.empty(),
                Optional.empty(),
                like.quiescence(),
                like.home(),
                like.disks(),
                Optional.empty(),
                like.operation());
    }

    @Test
    void whoStandsInADayKeepsItsPath() throws Exception {
        Snapshot first = bench.take(vm, "s0");
        Path day = Files.list(kept.mountPoint().resolve(vm.name()))
                .filter(path -> !path.endsWith("latest"))
                .findFirst()
                .orElseThrow();
        Process inside = new ProcessBuilder("sh", "-c", "read line; pwd -P; ls")
                .directory(day.toFile())
                .start();
        bench.take(vm, "s1");
        bench.engine().rebuildCatalog(OperationId.random());
        inside.outputWriter().append("\n").close();

        assertThat(inside.inputReader().lines())
                .isEqualTo(List.of(day.toRealPath().toString(), "s0", "s1"));
        assertThat(first.name().value()).isEqualTo("s0");
    }

    /** Of the stores' file systems. */
    @Test
    void roomIsTheStores() {
        String store = Commands.run("stat", "-f", "-c", "%s %b", bench.store().toString())
                .strip();
        String view = Commands.run(
                        "stat", "-f", "-c", "%s %b", kept.mountPoint().toString())
                .strip();
        assertThat(bytes(view)).isEqualTo(bytes(store));
    }

    private static long bytes(String blocks) {
        String[] parts = blocks.split(" ");
        return Long.parseLong(parts[0]) * Long.parseLong(parts[1]);
    }
}
