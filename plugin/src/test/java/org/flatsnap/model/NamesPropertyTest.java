package org.flatsnap.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.flatsnap.testing.Texts;

/** Whatever text comes from outside, it is refused with a reason or becomes a value that is safe wherever it goes. */
class NamesPropertyTest {
    private static Path directory;

    @BeforeContainer
    static void makeDirectory() throws IOException {
        directory = Files.createTempDirectory("flatsnap-names-");
    }

    @AfterContainer
    static void removeDirectory() throws IOException {
        Files.delete(directory);
    }

    @Provide
    Arbitrary<String> texts() {
        return Texts.any();
    }

    @Property
    void vmNames(@ForAll("texts") String text) throws IOException {
        component(text, VmName::new, VmName.class);
    }

    @Property
    void snapshotNames(@ForAll("texts") String text) throws IOException {
        component(text, SnapshotName::new, SnapshotName.class);
    }

    @Property
    void diskNames(@ForAll("texts") String text) throws IOException {
        component(text, DiskName::new, DiskName.class);
    }

    @Property
    void volumeNames(@ForAll("texts") String text) throws IOException {
        component(text, VolumeName::new, VolumeName.class);
    }

    @Property
    void vmIds(@ForAll("texts") String text) throws IOException {
        component(text, VmId::new, VmId.class);
    }

    @Property
    void snapshotIds(@ForAll("texts") String text) throws IOException {
        component(text, SnapshotId::new, SnapshotId.class);
    }

    @Property
    void operationIds(@ForAll("texts") String text) throws IOException {
        component(text, OperationId::parse, OperationId.class);
    }

    @Property
    void tags(@ForAll("texts") String text) throws IOException {
        component(text, Tag::new, Tag.class);
    }

    @Property
    void descriptions(@ForAll("texts") String text) {
        accepted(text, Description::new, Description.class, true);
    }

    @Property
    void consistencies(@ForAll("texts") String text) {
        accepted(text, Consistency::parse, Consistency.class, false);
    }

    /** Real files tell best what can be the name of one. */
    private static <T> void component(String text, Function<String, T> parse, Class<T> type) throws IOException {
        String name = accepted(text, parse, type, false);
        if (!name.isEmpty()) {
            assertThat(name.getBytes(StandardCharsets.UTF_8)).hasSizeLessThanOrEqualTo(255);
            Path file = directory.resolve(name);
            assertThat(file.normalize().getParent()).isEqualTo(directory);
            Files.createFile(file);
            try (var files = Files.list(directory)) {
                assertThat(files).containsExactly(file);
            }
            Files.delete(file);
        }
    }

    private static <T> String accepted(String text, Function<String, T> parse, Class<T> type, boolean lines) {
        T value;
        try {
            value = parse.apply(text);
        } catch (Problem problem) {
            assertThat(problem.code()).isEqualTo(Problem.Code.INVALID);
            assertThat(problem.why()).isNotBlank();
            assertThat(problem.remedy()).isNotBlank();
            assertThat(Texts.printable(problem.getMessage(), false))
                    .as(problem.getMessage())
                    .isTrue();
            return "";
        }
        String told = value.toString();
        assertThat(Texts.printable(told, lines)).as(told).isTrue();
        assertThat(parse.apply(told)).isEqualTo(value);
        assertThat(parse.apply(told)).hasToString(told);
        String json = Json.COMPACT.toJson(value);
        assertThat(Json.COMPACT.fromJson(json, type)).isEqualTo(value);
        assertThat(new String(json.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8))
                .isEqualTo(json);
        return told;
    }
}
