package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.flatsnap.store.StoreContract.assertProblem;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.flatsnap.model.DiskName;
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
