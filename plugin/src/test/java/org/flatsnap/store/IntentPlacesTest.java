package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.store.StoreContract.assertProblem;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Json;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.LoopFileSystem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Intents and records of clones that name files that are not flatsnap's, whole as they are. */
class IntentPlacesTest {
    private static final VmId VM = Snapshots.WEB01;

    private LoopFileSystem xfs;
    private ReflinkStore store;
    private Path live;

    @BeforeEach
    void open() throws IOException {
        xfs = LoopFileSystem.smallXfs();
        store = ReflinkStore.open(xfs.root(), Optional.empty());
        live = xfs.root().resolve("web01.raw");
        Bench.write(live, "live");
    }

    @AfterEach
    void close() {
        store.close();
        xfs.close();
    }

    private Intent intent(String staged, String to) {
        return new Intent(
                OperationId.random(),
                "node1",
                VM,
                Snapshots.sample("s1").id(),
                Optional.empty(),
                List.of(new Intent.Swap(
                        new DiskName("vda"), store.id(), staged, 1, to, Optional.empty(), Optional.empty())),
                Optional.empty(),
                Optional.empty(),
                false);
    }

    @Test
    void anIntentThatNamesAnotherPlaceIsNotFollowed() throws IOException {
        Path other = xfs.root().resolve("other.raw");
        Bench.write(other, "other");
        String own = ".flatsnap/staging/node1-boot-operation/vda.raw";
        for (List<String> places : List.of(
                List.of("other.raw", live.toString()),
                List.of(other.toString(), live.toString()),
                List.of("/etc/hostname", live.toString()),
                List.of(".flatsnap/store.json", live.toString()),
                List.of(".flatsnap/staging/vda.raw", live.toString()),
                List.of(".flatsnap/staging/a/../../../other.raw", live.toString()),
                List.of(".flatsnap/staging/a/b/vda.raw", live.toString()),
                List.of(own, "/etc/hostname"),
                List.of(own, xfs.root() + "/.flatsnap/store.json"),
                List.of(own, xfs.root() + "/../hostname"),
                List.of(own, xfs.root().toString()))) {
            Intent intent = intent(places.get(0), places.get(1));
            store.write(intent);
            List<Problem> damaged = new ArrayList<>();
            assertThat(store.intents(damaged::add)).as(places.toString()).isEmpty();
            assertThat(damaged).hasSize(1);
            String named = places.get(0);
            assertProblem(Code.INTERNAL, named, () -> store.intent(VM));
            // It may have been read from another store.
            Intent.Swap swap = intent.swaps().get(0);
            assertProblem(Code.INTERNAL, named, () -> store.swap(intent, swap));
            assertProblem(Code.INTERNAL, named, () -> store.restage(intent, swap, () -> Snapshots.sample("s1")));
            assertProblem(Code.INTERNAL, named, () -> store.lift(intent));
            assertThat(store.recover(vm -> false, published -> {})).isTrue();
            assertThat(Bench.read(live)).isEqualTo("live");
            assertThat(Bench.read(other)).isEqualTo("other");
        }
        Intent sound = intent(own, live.toString());
        store.write(sound);
        assertThat(store.intent(VM)).contains(sound);
    }

    @Test
    void anIntentThatNamesWhatIsNoPathIsNotFollowed() throws IOException {
        Intent intent = intent(".flatsnap/staging/node1-boot-operation/vda.raw", live.toString());
        for (String name : List.of("staged", "live", "firmware")) {
            JsonObject forged = Json.COMPACT.toJsonTree(intent).getAsJsonObject();
            JsonObject place = name.equals("firmware")
                    ? forged
                    : forged.getAsJsonArray("swaps").get(0).getAsJsonObject();
            place.addProperty(name, "a\0b");
            CheckedFile.replace(store.layout().intent(VM), forged);
            List<Problem> damaged = new ArrayList<>();
            assertThat(store.intents(damaged::add)).as(name).isEmpty();
            assertThat(damaged).hasSize(1);
            assertThat(store.recover(vm -> false, published -> {})).isTrue();
        }
    }

    @Test
    void anIntentIsNotFollowedThroughALink() throws IOException {
        Path outside = Files.createDirectory(xfs.root().resolve("outside"));
        Bench.write(outside.resolve("vda.raw"), "other");
        Files.createSymbolicLink(xfs.root().resolve(".flatsnap/staging/link"), outside);
        Intent intent = intent(".flatsnap/staging/link/vda.raw", live.toString());
        Intent.Swap swap = intent.swaps().get(0);
        assertProblem(Code.INTERNAL, "staging/link", () -> store.changed(intent, swap));
        assertProblem(Code.INTERNAL, "staging/link", () -> store.restage(intent, swap, () -> Snapshots.sample("s1")));
        assertThat(store.recover(vm -> false, published -> {})).isTrue();
        assertThat(Bench.read(outside.resolve("vda.raw"))).isEqualTo("other");
    }

    private JsonObject plan(String staged, String target, Path companion) {
        JsonObject link = new JsonObject();
        link.addProperty("staged", staged);
        link.addProperty("target", target);
        JsonArray links = new JsonArray();
        links.add(link);
        JsonObject plan = new JsonObject();
        plan.addProperty("node", store.layout().node());
        plan.addProperty("domain", VM.value());
        plan.add("links", links);
        plan.addProperty("companion", companion.toString());
        return plan;
    }

    @Test
    void theRecordOfACloneRemovesNothingThatItDidNotMake() throws IOException {
        Path nvram = CloneOut.companion(live, new VmName("web02"), VM);
        Files.createFile(nvram);
        Path outside = Files.createTempFile("flatsnap", ".raw");
        Path staging = Files.createDirectory(store.layout().staging().resolve("node1-boot-dead"));
        Path owner = Files.createFile(staging.resolve("owner"));
        Path staged = Files.createFile(staging.resolve("vda.raw"));
        Path made = Files.createLink(xfs.root().resolve("web02-vda.raw"), staged);
        JsonObject sound = plan("vda.raw", made.toString(), nvram);
        try {
            for (JsonObject forged : List.of(
                    plan(live.toString(), live.toString(), nvram),
                    plan(outside.toString(), outside.toString(), nvram),
                    plan("../../../web01.raw", live.toString(), nvram),
                    plan("owner", owner.toString(), nvram),
                    plan("vda.raw", "a\0b", nvram),
                    plan("vda.raw", made.toString(), live),
                    new JsonObject())) {
                CheckedFile.replace(staging.resolve("clone.json"), forged);
                assertThat(store.recover(vm -> false, published -> {}))
                        .as(forged.toString())
                        .isFalse();
                assertThat(List.of(live, outside, staged, made, nvram)).allMatch(Files::exists);
            }
        } finally {
            Files.delete(outside);
        }
        CheckedFile.replace(staging.resolve("clone.json"), sound);
        assertThat(store.recover(vm -> false, published -> {})).isTrue();
        assertThat(List.of(staging, made, nvram)).noneMatch(Files::exists);
        assertThat(Bench.read(live)).isEqualTo("live");
    }

    @Test
    void onlyNvramGoesWithACloneThatWasNeverMade() throws IOException {
        Path nvram = CloneOut.companion(live, new VmName("web02"), VM);
        Files.createFile(nvram);
        CloneOut.removeCompanion(nvram, VM);
        CloneOut.removeCompanion(nvram, VM);
        assertThat(nvram).doesNotExist();
        assertThatThrownBy(() -> CloneOut.removeCompanion(live, VM))
                .isInstanceOf(FileSystemException.class)
                .hasMessageContaining("not the NVRAM");
        assertThat(live).exists();
    }
}
