package org.flatsnap.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Json;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;
import org.flatsnap.testing.Mutations;

/** What stands on storage is read as it was written, or refused by name; whatever became of it. */
class RecordsPropertyTest {
    private static final SnapshotName ZFS = new SnapshotName(new DatasetName("tank/vms/web01"), "flatsnap-x");

    private static Path directory;
    private static Layout layout;

    @BeforeContainer
    static void makeDirectory() throws IOException {
        directory = Files.createTempDirectory("flatsnap-records-");
        layout = new Layout(directory.resolve("base"), "node1");
        layout.create();
    }

    @AfterContainer
    static void removeDirectory() throws IOException {
        Staging.deleteTree(directory);
    }

    @Provide
    Arbitrary<Mutations> mutations() {
        return Mutations.some();
    }

    @Provide
    Arbitrary<Snapshot> snapshots() {
        Arbitrary<String> names = Arbitraries.strings()
                .withCharRange('a', 'z')
                .withChars("éß移🚀 '\"\\$".toCharArray())
                .ofMinLength(1)
                .ofMaxLength(40)
                .filter(name -> name.codePoints().noneMatch(c -> c >= 0xD800 && c <= 0xDFFF));
        Arbitrary<List<Tag>> tags = Arbitraries.strings()
                .alpha()
                .ofMinLength(1)
                .ofMaxLength(64)
                .map(Tag::new)
                .list()
                .ofMaxSize(20);
        Arbitrary<Long> seconds = Arbitraries.longs().between(0, 4_000_000_000L);
        Arbitrary<String> words =
                Arbitraries.strings().ascii().ofMaxLength(4000).map(text -> text.replaceAll("\\p{Cc}", " "));
        return Combinators.combine(names, words, tags, seconds)
                .as((name, text, labels, second) -> Snapshots.of(
                        Snapshots.WEB01,
                        "web01",
                        "s" + name + "x",
                        Instant.ofEpochSecond(second),
                        new Labels(new Description(text), new TreeSet<>(labels), second % 2 == 0)));
    }

    @Property
    void aRecordIsReadAsItWasWritten(@ForAll("snapshots") Snapshot snapshot) throws IOException {
        Path file = directory.resolve("snapshot.json");
        CheckedFile.replace(file, snapshot);
        assertThat(CheckedFile.read(file, Snapshot.class)).isEqualTo(snapshot);
    }

    @Property
    void aMutatedRecordIsRefusedOrTheSame(
            @ForAll("snapshots") Snapshot snapshot, @ForAll("mutations") Mutations mutations) throws IOException {
        Path file = directory.resolve("snapshot.json");
        Files.write(file, mutations.apply(CheckedFile.text(snapshot).getBytes(StandardCharsets.UTF_8)));
        refusedOrSame(file, snapshot);
    }

    @Property
    void anyBytesAreRefused(@ForAll byte[] bytes) throws IOException {
        Path file = directory.resolve("snapshot.json");
        Files.write(file, bytes);
        refused(file);
    }

    /** What another version may have written, with a checksum that fits. */
    @Property
    void aRecordOfAnotherShapeIsRefusedOrRead(@ForAll("snapshots") Snapshot snapshot, @ForAll Random random)
            throws IOException {
        JsonElement tree = Json.COMPACT.toJsonTree(snapshot);
        for (int i = 0; i <= random.nextInt(3); i++) {
            tree = reshaped(tree, random);
        }
        Path file = directory.resolve("snapshot.json");
        Files.writeString(file, CheckedFile.text(tree));
        try {
            assertThat(CheckedFile.read(file, Snapshot.class)).isNotNull();
        } catch (Problem problem) {
            assertNamed(problem, file);
        }
    }

    private static JsonElement reshaped(JsonElement tree, Random random) {
        if (tree instanceof JsonObject object && !object.isEmpty() && random.nextInt(8) > 0) {
            List<String> keys = List.copyOf(object.keySet());
            String key = keys.get(random.nextInt(keys.size()));
            if (random.nextInt(4) == 0) {
                object.remove(key);
            } else {
                object.add(key, reshaped(object.get(key), random));
            }
            return object;
        }
        if (tree instanceof JsonArray array && !array.isEmpty() && random.nextBoolean()) {
            int at = random.nextInt(array.size());
            array.set(at, reshaped(array.get(at), random));
            return array;
        }
        JsonElement[] others = {
            JsonNull.INSTANCE,
            new JsonPrimitive(""),
            new JsonPrimitive("\0/../\u202e"),
            new JsonPrimitive("2026-02-30T99:00:00Z"),
            new JsonPrimitive(-1),
            new JsonPrimitive(1e300),
            new JsonPrimitive(true),
            new JsonArray(),
            new JsonObject(),
            JsonParser.parseString("[null]"),
            JsonParser.parseString("{\"a\":{\"b\":[]}}"),
            JsonParser.parseString("[".repeat(200) + "]".repeat(200))
        };
        return others[random.nextInt(others.length)];
    }

    @Example
    void aRecordThatIsNestedDeeplyIsRefused() throws IOException {
        Path file = directory.resolve("snapshot.json");
        for (String open : List.of("[", "{\"a\":")) {
            Files.writeString(file, "{\"format\":1,\"sha256\":\"\",\"content\":" + open.repeat(1 << 20));
            refused(file);
        }
    }

    private static void refusedOrSame(Path file, Object expected) throws IOException {
        try {
            assertThat(CheckedFile.read(file, expected.getClass())).isEqualTo(expected);
        } catch (Problem problem) {
            assertNamed(problem, file);
        }
    }

    private static void refused(Path file) {
        assertThatThrownBy(() -> CheckedFile.read(file, Snapshot.class))
                .isInstanceOfSatisfying(Problem.class, problem -> assertNamed(problem, file));
    }

    private static void assertNamed(Problem problem, Object name) {
        assertThat(problem.code()).isEqualTo(Code.INTERNAL);
        assertThat(problem.what()).contains(name.toString());
        assertThat(problem.why()).isNotBlank();
        assertThat(problem.remedy()).isNotBlank();
    }

    @Property
    void propertiesOfZfsHoldARecord(@ForAll("snapshots") Snapshot snapshot) {
        Map<String, String> properties = ZfsRecord.of(snapshot);
        assertThat(properties.values()).allMatch(value -> value.length() < 8192);
        // What an earlier, longer record left does not count.
        Map<String, String> more = new LinkedHashMap<>(properties);
        ZfsRecord.properties().forEach(property -> more.putIfAbsent(property, "bGVmdA=="));
        assertThat(ZfsRecord.read(ZFS, more::get)).isEqualTo(snapshot);
    }

    /** Texts that do not compress, so that they take several properties. */
    @Property
    void longRecordsAreSplitOverProperties(@ForAll Random random) {
        byte[] bytes = new byte[random.nextInt(40_000)];
        random.nextBytes(bytes);
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        Map<String, String> properties;
        try {
            properties = ZfsRecord.encode(text, "it");
        } catch (Problem problem) {
            assertThat(problem.code()).isEqualTo(Code.INVALID);
            assertThat(problem.why()).contains("ZFS has room for");
            return;
        }
        assertThat(properties.values()).allMatch(value -> value.length() < 8192);
        assertThat(ZfsRecord.text(ZFS, properties::get)).isEqualTo(text);
    }

    @Property
    void damagedPropertiesAreRefusedOrTheSame(
            @ForAll("snapshots") Snapshot snapshot, @ForAll("mutations") Mutations mutations, @ForAll Random random) {
        Map<String, String> properties = new LinkedHashMap<>(ZfsRecord.of(snapshot));
        String hurt = ZfsRecord.properties().get(random.nextInt(properties.size()));
        switch (random.nextInt(4)) {
            case 0 -> properties.remove(hurt);
            case 1 -> properties.put(hurt, random.nextInt() + "." + properties.get(hurt));
            case 2 -> properties.put(hurt, properties.get(ZfsRecord.properties().get(0)) + "=");
            default ->
                properties.compute(
                        hurt,
                        (name, value) -> new String(
                                mutations.apply(value.getBytes(StandardCharsets.US_ASCII)), StandardCharsets.UTF_8));
        }
        try {
            assertThat(ZfsRecord.read(ZFS, properties::get)).isEqualTo(snapshot);
        } catch (Problem problem) {
            assertNamed(problem, ZFS);
        }
    }

    @Example
    void aNumberOfPropertiesThatZfsDoesNotHaveIsRefused() {
        Map<String, String> properties = new LinkedHashMap<>(ZfsRecord.of(Snapshots.sample("s1")));
        String first = ZfsRecord.properties().get(0);
        String value = properties.get(first);
        for (String parts : List.of("2147483647", "-1", "0", "9", "1e9", "")) {
            properties.put(first, parts + value.substring(value.indexOf('.')));
            assertThatThrownBy(() -> ZfsRecord.read(ZFS, properties::get)).isInstanceOf(Problem.class);
        }
    }

    private static Intent intent(Snapshot target) {
        DiskStamp stamp = new DiskStamp(1, 2, Instant.EPOCH);
        return new Intent(
                target.operation(),
                "node1",
                target.vm(),
                target.id(),
                Optional.empty(),
                List.of(new Intent.Swap(
                        new DiskName("vda"),
                        target.home(),
                        "staged/vda.raw",
                        1,
                        "/images/web01.raw",
                        Optional.empty(),
                        Optional.of(stamp))),
                Optional.empty(),
                Optional.of("<domain/>"),
                true);
    }

    @Property
    void aMutatedIntentIsRefusedOrTheSame(
            @ForAll("snapshots") Snapshot snapshot, @ForAll("mutations") Mutations mutations) throws IOException {
        IntentFiles files = new IntentFiles(layout, followed -> {});
        Intent intent = intent(snapshot);
        files.write(intent);
        assertThat(files.of(intent.vm())).contains(intent);
        Path file = layout.intent(intent.vm());
        Files.write(file, mutations.apply(Files.readAllBytes(file)));

        List<Problem> damaged = new ArrayList<>();
        List<Intent> all = files.all(damaged::add);
        assertThat(all.size() + damaged.size()).isEqualTo(1);
        assertThat(all).allMatch(intent::equals);
        damaged.forEach(problem -> assertNamed(problem, file));
        try {
            assertThat(files.of(intent.vm())).contains(intent);
        } catch (Problem problem) {
            assertNamed(problem, file);
        }
    }

    @Example
    void anIntentOfAnotherVmIsRefused() throws IOException {
        IntentFiles files = new IntentFiles(layout, followed -> {});
        Intent intent = intent(Snapshots.sample("s1"));
        files.write(intent);
        VmId other = new VmId("other");
        Files.move(layout.intent(intent.vm()), layout.intent(other));
        try {
            assertThatThrownBy(() -> files.of(other))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("another VM");
        } finally {
            Files.delete(layout.intent(other));
        }
    }

    @Property
    void noPropertyOfADatasetLeadsOutOfTheStagingDirectory(@ForAll String owner) {
        layout.staging(owner)
                .ifPresent(place -> assertThat(place.normalize().getParent()).isEqualTo(layout.staging()));
    }

    @Example
    void anOwnerThatNamesAnotherPlaceIsNone() {
        for (String owner : List.of("", ".", "..", "/etc", "../vms", "a/../../..", "a/b", "a\0b")) {
            assertThat(layout.staging(owner)).as(owner).isEmpty();
        }
        OperationId operation = OperationId.random();
        Path own = layout.staging(operation);
        assertThat(layout.staging(own.getFileName().toString())).contains(own);
    }

    @Property
    void whatSomebodyElseWroteIntoAPropertyIsReadOrRefused(@ForAll String text) throws IOException {
        assertThat(ZfsCloneOut.Purpose.parse(text)).isEmpty();
        assertThat(ZfsReaders.lives(text)).isTrue();
        ZfsNames.dataset(text)
                .ifPresent(dataset -> assertThat(dataset.toString()).isEqualTo(text));
        assertThatThrownBy(() -> ZfsSettings.decode(text)).isInstanceOf(IOException.class);
    }

    @Example
    void aPurposeThatLacksSomethingIsNone() {
        ZfsCloneOut.Purpose whole =
                new ZfsCloneOut.Purpose("node1-boot-x", "node1", Snapshots.WEB01, Optional.of("/nvram/web02_VARS.fd"));
        assertThat(ZfsCloneOut.Purpose.parse(Json.COMPACT.toJson(whole))).contains(whole);
        for (String text :
                List.of("{}", "null", "[]", "{\"owner\":\"x\",\"node\":\"node1\"}", "{\"domain\":\"../x\"}")) {
            assertThat(ZfsCloneOut.Purpose.parse(text)).as(text).isEmpty();
        }
        String noPath = Json.COMPACT.toJson(whole).replace("/nvram/", "\\u0000");
        assertThat(ZfsCloneOut.Purpose.parse(noPath)).isEmpty();
    }

    @Example
    void settingsThatAreNotWhatFlatsnapWroteAreRefused() throws IOException {
        Map<String, String> settings = Map.of("refreservation", "1M");
        assertThat(ZfsSettings.decode(ZfsSettings.encode(settings))).isEqualTo(settings);
        for (String text : List.of("", "null", "{\"quota\":null}", "{\"quota\":{}}", "{\"a\":1,\"a\":2}")) {
            assertThatThrownBy(() -> ZfsSettings.decode(text)).as(text).isInstanceOf(IOException.class);
        }
    }

    @Property
    void whatIsWholeInADamagedChangeLogIsTold(@ForAll("mutations") Mutations mutations, @ForAll Random random)
            throws IOException {
        Path log = directory.resolve("changes");
        Files.write(log, new byte[0]);
        ChangeReader reader = new ChangeReader();
        assertThat(reader.read(List.of(log)).everything()).isTrue();
        Map<SnapshotId, VmId> told = new LinkedHashMap<>();
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        for (int i = 0; i < 20; i++) {
            SnapshotId id = SnapshotId.of(Instant.EPOCH, random.nextInt());
            told.put(id, Snapshots.WEB01);
            whole.writeBytes(ChangeLine.of(Snapshots.WEB01, id).toString().getBytes(StandardCharsets.UTF_8));
        }
        byte[] bytes = mutations.apply(whole.toByteArray());
        Files.write(log, bytes);
        Changes changes = reader.read(List.of(log));
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        List<String> lines =
                List.of(text.substring(0, text.lastIndexOf('\n') + 1).split("\n"));
        told.forEach((id, vm) -> {
            if (lines.contains(ChangeLine.of(vm, id).toString().strip())) {
                assertThat(changes.snapshots()).containsEntry(id, vm);
            }
        });
        if (Arrays.equals(bytes, whole.toByteArray())) {
            assertThat(changes).isEqualTo(new Changes(false, told));
        }
    }

    @Property
    void anyLineIsReadOrNot(@ForAll String text) {
        assertThat(ChangeLine.parse(text)).isNotNull();
    }

    @Property
    void anyAnswerThatWasKeptComesBack(@ForAll String answer) {
        String valid = new String(answer.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
        record Kept(String text) {}
        String text = CheckedFile.text(new Kept(valid));
        assertThat(CheckedFile.parse(text, OperationId.random(), Kept.class).text())
                .isEqualTo(valid);
    }
}
