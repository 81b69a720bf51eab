package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.DaemonProcess.Answer;

/** What is asked for on a host of Proxmox VE: volumes and their snapshots by its storage plugin, and snapshots by people. */
abstract class ProxmoxDeed extends Deed {
    private final ProxmoxWorld world;

    ProxmoxDeed(String title, ProxmoxWorld world) {
        super(title);
        this.world = world;
    }

    final ProxmoxWorld world() {
        return world;
    }

    /** What the storage plugin asks for. */
    static List<Deed> ofVolumes(ProxmoxWorld world) {
        return List.of(
                new Create(world),
                new Copy(world, false),
                new Copy(world, true),
                new Rename(world),
                new Resize(world),
                new TakeDisk(world, false),
                new TakeDisk(world, true),
                new RollBackVolume(world),
                new DeleteDisk(world, false),
                new DeleteDisk(world, true),
                new Remove(world));
    }

    /** What people ask for. */
    static List<Deed> ofGuests(ProxmoxWorld world) {
        return List.of(
                new Take(world), new RollBack(world), new Delete(world), new DeleteTheRest(world), new Describe(world));
    }

    /** What the storage plugin does with a volume of its own. */
    private abstract static class OfVolume extends ProxmoxDeed {
        private final List<String> volumes = new ArrayList<>();
        private String volume;

        OfVolume(String title, ProxmoxWorld world) {
            super("volume, " + title, world);
        }

        /** A name that is free, and will be again. */
        final String name() {
            String name = fresh("vm-101-disk-");
            volumes.add(name);
            return name;
        }

        final String volume() {
            return volume;
        }

        /** What it held when it was made. */
        final String content() {
            return "in " + volume;
        }

        final Path file() {
            return world().file(volume);
        }

        @Override
        void prepare() throws IOException {
            volume = name();
            world().volume(volume, content());
        }

        abstract String method();

        abstract String path();

        String body() {
            return "{}";
        }

        @Override
        Answer act(String operation) {
            return world().send(method(), path(), body(), Map.of("Operation-Id", operation));
        }

        final void take(String of, String snapshot) {
            world().requireDone(world().send("POST", "/" + of + "/snapshots", bodyOfTake(snapshot), Map.of()));
        }

        static String bodyOfTake(String snapshot) {
            return "{\"name\":\"" + snapshot + "\",\"guest\":" + ProxmoxWorld.OTHER + "}";
        }

        final TreeSet<String> snapshots(String of) {
            Answer answer = world().send("GET", "/" + of + "/snapshots", null, Map.of());
            world().requireDone(answer);
            JsonArray entries =
                    JsonParser.parseString(answer.output()).getAsJsonObject().getAsJsonArray("snapshots");
            TreeSet<String> names = new TreeSet<>();
            for (JsonElement entry : entries) {
                names.add(entry.getAsJsonObject().get("name").getAsString());
            }
            return names;
        }

        final Map<String, String> shown(String snapshot) throws IOException {
            return world().shown(ProxmoxWorld.OTHER_VM, snapshot);
        }

        @Override
        void clear() throws IOException {
            for (String name : volumes) {
                world().requireDone(world().send("DELETE", "/" + name, "{}", Map.of()));
                assertThat(world().file(name)).doesNotExist();
            }
            // Their snapshots go with them.
            assertThat(world().listed().toString()).doesNotContain(volumes);
            volumes.clear();
        }
    }

    /** Not there, or with all its bytes. */
    private static final class Create extends OfVolume {
        private String made;

        Create(ProxmoxWorld world) {
            super("creation", world);
        }

        @Override
        void prepare() {
            made = name();
        }

        @Override
        String method() {
            return "POST";
        }

        @Override
        String path() {
            return "";
        }

        @Override
        String body() {
            return "{\"name\":\"" + made + "\",\"bytes\":1048576}";
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            if (Files.exists(world().file(made))) {
                assertThat(world().file(made)).hasSize(1 << 20);
            }
        }

        @Override
        void assertDone(JsonObject answer) {
            assertThat(answer.get("name").getAsString()).isEqualTo(made);
            assertThat(world().file(made)).hasSize(1 << 20);
        }
    }

    /** Not there, or with all that it was made of. */
    private static final class Copy extends OfVolume {
        private final boolean ofSnapshot;
        private String snapshot;
        private String copy;

        Copy(ProxmoxWorld world, boolean ofSnapshot) {
            super(ofSnapshot ? "copy of a snapshot" : "copy", world);
            this.ofSnapshot = ofSnapshot;
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            if (ofSnapshot) {
                snapshot = fresh("c");
                take(volume(), snapshot);
                Bench.write(file(), "since");
            }
            copy = name();
        }

        @Override
        String method() {
            return "POST";
        }

        @Override
        String path() {
            return "/" + volume() + "/clone";
        }

        @Override
        String body() {
            return "{\"to\":\"" + copy + "\"" + (ofSnapshot ? ",\"snapshot\":\"" + snapshot + "\"}" : "}");
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            if (Files.exists(world().file(copy))) {
                assertThat(Bench.read(world().file(copy))).isEqualTo(content());
            }
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(answer.get("name").getAsString()).isEqualTo(copy);
            assertThat(Bench.read(world().file(copy))).isEqualTo(content());
            assertThat(Bench.read(file())).isEqualTo(ofSnapshot ? "since" : content());
        }
    }

    /** One name or the other; snapshots stay with the old one, which is nobody's any more. */
    private static final class Rename extends OfVolume {
        private String renamed;
        private String snapshot;

        Rename(ProxmoxWorld world) {
            super("rename", world);
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            snapshot = fresh("n");
            take(volume(), snapshot);
            renamed = name();
        }

        @Override
        String method() {
            return "PATCH";
        }

        @Override
        String path() {
            return "/" + volume();
        }

        @Override
        String body() {
            return "{\"name\":\"" + renamed + "\"}";
        }

        private List<Path> present() throws IOException {
            List<Path> present = new ArrayList<>();
            for (Path file : List.of(file(), world().file(renamed))) {
                if (Files.exists(file)) {
                    assertThat(Bench.read(file)).isEqualTo(content());
                    present.add(file);
                }
            }
            return present;
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            assertThat(present()).isNotEmpty();
        }

        @Override
        void assertSettled() throws IOException {
            assertThat(present()).hasSize(1);
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(answer.get("name").getAsString()).isEqualTo(renamed);
            assertThat(present()).containsExactly(world().file(renamed));
            assertThat(snapshots(renamed)).isEmpty();
            assertThat(shown(snapshot)).isEmpty();
        }
    }

    /** The old size or the new one, with the same content. */
    private static final class Resize extends OfVolume {
        Resize(ProxmoxWorld world) {
            super("resize", world);
        }

        @Override
        String method() {
            return "PATCH";
        }

        @Override
        String path() {
            return "/" + volume();
        }

        @Override
        String body() {
            return "{\"bytes\":2097152}";
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            assertThat(Files.size(file())).isIn(1L << 20, 2L << 20);
            assertThat(Bench.read(file())).isEqualTo(content());
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(answer.get("bytes").getAsLong()).isEqualTo(2 << 20);
            assertThat(file()).hasSize(2 << 20);
            assertThat(Bench.read(file())).isEqualTo(content());
        }
    }

    /** Complete with the content of its moment, or absent; a further disk of the guest in the same snapshot as the first. */
    private static final class TakeDisk extends OfVolume {
        private final boolean further;
        private final Map<String, String> before = new TreeMap<>();
        private final Map<String, String> after = new TreeMap<>();
        private String snapshot;

        TakeDisk(ProxmoxWorld world, boolean further) {
            super(further ? "take of a further disk" : "take", world);
            this.further = further;
        }

        @Override
        void prepare() throws IOException {
            before.clear();
            after.clear();
            snapshot = fresh("v");
            if (further) {
                super.prepare();
                take(volume(), snapshot);
                before.put(volume(), content());
            }
            super.prepare();
            after.putAll(before);
            after.put(volume(), content());
        }

        @Override
        String method() {
            return "POST";
        }

        @Override
        String path() {
            return "/" + volume() + "/snapshots";
        }

        @Override
        String body() {
            return bodyOfTake(snapshot);
        }

        @Override
        void assertSettled() throws IOException {
            assertThat(shown(snapshot)).isIn(before, after);
            assertThat(snapshots(volume()))
                    .isEqualTo(shown(snapshot).equals(after) ? new TreeSet<>(List.of(snapshot)) : new TreeSet<>());
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(answer.get("name").getAsString()).isEqualTo(snapshot);
            assertThat(shown(snapshot)).as(world().tail()).isEqualTo(after);
            assertThat(world().listed())
                    .filteredOn(listed -> listed.get("name").getAsString().equals(snapshot))
                    .singleElement()
                    .satisfies(listed -> assertThat(listed.get("id")).isEqualTo(answer.get("id")));
        }
    }

    /** Before or after, and what was before is a snapshot then. */
    private static final class RollBackVolume extends OfVolume {
        private String snapshot;

        RollBackVolume(ProxmoxWorld world) {
            super("rollback", world);
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            snapshot = fresh("r");
            take(volume(), snapshot);
            Bench.write(file(), "since");
        }

        @Override
        String method() {
            return "POST";
        }

        @Override
        String path() {
            return "/" + volume() + "/snapshots/" + snapshot + "/rollback";
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            assertThat(Bench.read(file())).isIn("since", content());
        }

        @Override
        void assertSettled() throws IOException {
            if (Bench.read(file()).equals(content())) {
                assertGuarded();
            }
        }

        /** A first try may have left a guard too. */
        private String assertGuarded() throws IOException {
            List<String> guards = world().guards(ProxmoxWorld.OTHER_VM);
            assertThat(guards).isNotEmpty();
            assertThat(shown(guards.get(0))).isEqualTo(Map.of(volume(), "since"));
            return guards.get(0);
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(Bench.read(file())).isEqualTo(content());
            assertThat(assertGuarded()).isEqualTo(answer.get("guard").getAsString());
            assertThat(shown(snapshot)).isEqualTo(Map.of(volume(), content()));
        }
    }

    /** There or gone: of one disk of two, or of the only one and so as a whole. */
    private static final class DeleteDisk extends OfVolume {
        private final boolean last;
        private final Map<String, String> before = new TreeMap<>();
        private String other;
        private String snapshot;

        DeleteDisk(ProxmoxWorld world, boolean last) {
            super(last ? "deletion of a snapshot" : "deletion of one disk's snapshot", world);
            this.last = last;
        }

        @Override
        void prepare() throws IOException {
            before.clear();
            snapshot = fresh("d");
            if (!last) {
                super.prepare();
                other = volume();
                take(other, snapshot);
                before.put(other, content());
            }
            super.prepare();
            take(volume(), snapshot);
            before.put(volume(), content());
        }

        @Override
        String method() {
            return "DELETE";
        }

        @Override
        String path() {
            return "/" + volume() + "/snapshots/" + snapshot;
        }

        @Override
        void assertSettled() throws IOException {
            if (snapshots(volume()).isEmpty()) {
                assertGone();
            } else {
                assertThat(shown(snapshot)).isEqualTo(before);
            }
        }

        private void assertGone() throws IOException {
            if (last) {
                assertThat(shown(snapshot)).isEmpty();
            } else {
                assertThat(snapshots(other)).containsExactly(snapshot);
                assertThat(shown(snapshot)).containsEntry(other, before.get(other));
            }
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(snapshots(volume())).isEmpty();
            assertThat(Bench.read(file())).isEqualTo(content());
            assertGone();
        }
    }

    /** There or gone, with its snapshots. */
    private static final class Remove extends OfVolume {
        private String snapshot;

        Remove(ProxmoxWorld world) {
            super("removal", world);
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            snapshot = fresh("g");
            take(volume(), snapshot);
        }

        @Override
        String method() {
            return "DELETE";
        }

        @Override
        String path() {
            return "/" + volume();
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            if (Files.exists(file())) {
                assertThat(Bench.read(file())).isEqualTo(content());
            }
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(file()).doesNotExist();
            assertThat(shown(snapshot)).isEmpty();
        }
    }

    /** What people ask flatsnap for, and flatsnap Proxmox VE, which asks flatsnap for each disk. */
    private abstract static class Kept extends ProxmoxDeed {
        private String name;

        Kept(String title, ProxmoxWorld world) {
            super("Proxmox VE's " + title, world);
        }

        final String snapshot() {
            return name;
        }

        /** What the guest's disks held then. */
        final Map<String, String> content() {
            return Map.of("vm-100-disk-0", name, "vm-100-disk-1", name);
        }

        @Override
        void prepare() throws IOException {
            name = fresh("s");
            world().write(name);
        }

        /** The request. */
        abstract List<String> command();

        @Override
        Answer act(String operation) {
            world().unlock();
            List<String> words = new ArrayList<>(command());
            words.addAll(List.of("--operation", operation));
            return world().ask(words.toArray(String[]::new));
        }

        final boolean isKept() {
            return world().node()
                    .guest(ProxmoxWorld.GUEST)
                    .getAsJsonObject("snapshots")
                    .has(name);
        }

        final JsonObject known() {
            return world().node()
                    .guest(ProxmoxWorld.GUEST)
                    .getAsJsonObject("snapshots")
                    .getAsJsonObject(name);
        }

        final void assertWhole() throws IOException {
            assertThat(isKept()).isTrue();
            assertThat(known().has("snapstate")).isFalse();
            assertThat(world().isLocked()).isFalse();
            assertThat(world().shown(ProxmoxWorld.VM, name)).as(world().tail()).isEqualTo(content());
            world().assertNothingUnderWay();
        }

        @Override
        void clear() throws IOException {
            if (isKept()) {
                world().succeed("delete", ProxmoxWorld.VM, name);
            }
            for (String guard : world().guards(ProxmoxWorld.VM)) {
                world().succeed("delete", ProxmoxWorld.VM, guard);
            }
        }
    }

    /** Complete with the content of its moment, or absent. */
    private static final class Take extends Kept {
        Take(ProxmoxWorld world) {
            super("take", world);
        }

        @Override
        List<String> command() {
            return List.of("take", ProxmoxWorld.VM, snapshot(), "--tag", "crash");
        }

        @Override
        void assertSettled() throws IOException {
            world().unlock();
            assertThat(world().shown(ProxmoxWorld.VM, snapshot())).isEqualTo(isKept() ? content() : Map.of());
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(answer.get("name").getAsString()).isEqualTo(snapshot());
            assertWhole();
        }
    }

    /** Each disk is before or after; Proxmox VE keeps the guest locked while they differ. */
    private static final class RollBack extends Kept {
        private String since;

        RollBack(ProxmoxWorld world) {
            super("rollback", world);
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            world().succeed("take", ProxmoxWorld.VM, snapshot());
            since = fresh("since");
            world().write(since);
            world().node().change(ProxmoxWorld.GUEST, guest -> guest.addProperty("running", true));
        }

        @Override
        List<String> command() {
            return List.of("rollback", ProxmoxWorld.VM, snapshot(), "--stop");
        }

        @Override
        void assertBeforeOrAfter() throws IOException {
            List<String> disks = world().read();
            assertThat(disks).isSubsetOf(since, snapshot());
            if (new TreeSet<>(disks).size() > 1) {
                assertThat(world().isLocked()).isTrue();
            }
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(world().read()).containsOnly(snapshot());
            assertThat(world().node().guest(ProxmoxWorld.GUEST).get("running").getAsBoolean())
                    .isTrue();
            Map<String, TreeSet<String>> guarded = new TreeMap<>();
            for (String guard : world().guards(ProxmoxWorld.VM)) {
                world().shown(ProxmoxWorld.VM, guard)
                        .forEach((disk, content) -> guarded.computeIfAbsent(disk, any -> new TreeSet<>())
                                .add(content));
            }
            assertThat(guarded).hasSize(2);
            assertThat(guarded.values()).allMatch(contents -> contents.contains(since));
            assertWhole();
        }
    }

    /** There as a whole, or gone; what Proxmox VE has half deleted it says so of. */
    private static class Delete extends Kept {
        Delete(ProxmoxWorld world) {
            this("deletion", world);
        }

        Delete(String title, ProxmoxWorld world) {
            super(title, world);
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            world().succeed("take", ProxmoxWorld.VM, snapshot());
        }

        @Override
        List<String> command() {
            return List.of("delete", ProxmoxWorld.VM, snapshot());
        }

        @Override
        void assertSettled() throws IOException {
            if (isKept() && !known().has("snapstate")) {
                assertWhole();
            }
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(answer.get("name").getAsString()).isEqualTo(snapshot());
            assertThat(isKept()).as("whether Proxmox VE has it").isFalse();
            assertThat(world().isLocked()).isFalse();
            assertThat(world().shown(ProxmoxWorld.VM, snapshot())).isEmpty();
            assertThat(world().read()).containsOnly(snapshot());
        }
    }

    /** A retry of a deletion of which only Proxmox VE's own word is left to be taken back. */
    private static final class DeleteTheRest extends Delete {
        private boolean cut;

        DeleteTheRest(ProxmoxWorld world) {
            super("deletion of the rest", world);
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            cut = false;
        }

        @Override
        Answer act(String operation) {
            if (!cut) {
                cut = true;
                world().node().mischief("delete done", "vm-100-disk-1", "kill");
                super.act(operation);
                world().node().letGo();
            }
            return super.act(operation);
        }
    }

    /** The old words or the new ones, with both. */
    private static final class Describe extends Kept {
        private String words;

        Describe(ProxmoxWorld world) {
            super("description", world);
        }

        @Override
        void prepare() throws IOException {
            super.prepare();
            world().succeed("take", ProxmoxWorld.VM, snapshot());
            words = fresh("words ");
        }

        @Override
        List<String> command() {
            return List.of("describe", ProxmoxWorld.VM, snapshot(), words);
        }

        @Override
        void assertDone(JsonObject answer) throws IOException {
            assertThat(known().get("description").getAsString()).isEqualTo(words);
            assertThat(answer.getAsJsonObject("labels").get("description").getAsString())
                    .isEqualTo(words);
            assertWhole();
        }
    }
}
