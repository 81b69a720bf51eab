package org.flatsnap.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NamesTest {
    @ParameterizedTest
    @ValueSource(strings = {"s1", "before upgrade", "Größe-2", "переезд", "移行前", "a.b", "v1~2", "x'y\"z", "$(reboot)"})
    void anyScriptMakesASnapshotName(String name) {
        assertThat(new SnapshotName(name).value()).isEqualTo(name);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a/b | contains '/'",
                ".. | names a directory",
                ". | names a directory",
                "'' | is empty",
                "-rf | leading '-'",
                ".hidden | leading '.'",
                "' s1' | begins or ends with a space",
                "latest | newest snapshot"
            })
    void aBadSnapshotNameNamesItsFault(String name, String why) {
        assertRefused(name, why);
    }

    @ParameterizedTest
    @CsvSource({
        "vm-100-disk-0,100",
        "base-999999999-disk-12,999999999",
        "vm-100-cloudinit,100",
        "vm-4711-state-before_1.0,4711"
    })
    void aVolumeIsNamedAfterItsOwner(String name, int owner) {
        assertThat(new VolumeName(name).vmid()).isEqualTo(owner);
        assertThat(new VolumeName(name).disk().value()).isEqualTo(name);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "vda",
                "vm-99-disk-0",
                "vm-0100-disk-0",
                "vm-1000000000-disk-0",
                "vm-100-",
                "vm-100-.hidden",
                "vm-100-disk/0",
                "vm-100-disk-0\n",
                "subvol-100-disk-0",
                "../vm-100-disk-0"
            })
    void whatIsNoVolumesNameIsRefused(String name) {
        assertThatThrownBy(() -> new VolumeName(name)).isInstanceOf(Problem.class);
        assertThat(VolumeName.looksLikeOne(name)).isFalse();
    }

    @Test
    void aVolumesNameHas128CharactersAtMost() {
        assertThat(new VolumeName("vm-100-" + "d".repeat(121)).value()).hasSize(128);
        assertThatThrownBy(() -> new VolumeName("vm-100-" + "d".repeat(122))).isInstanceOf(Problem.class);
    }

    @Test
    void whatCannotBeTypedHereIsRefusedToo() {
        assertRefused("a\0b", "U+0000");
        assertRefused("a\nb", "U+000A");
        assertRefused("a\u001b[31m", "U+001B");
        assertRefused("a\u202Eb", "U+202E");
        assertRefused("a\uFFFDb", "not valid UTF-8");
        assertRefused("a\uD800b", "not valid UTF-8");
        assertRefused("n".repeat(300), "300 bytes long");
        assertRefused("ü".repeat(101), "202 bytes long");
    }

    @Test
    void anErrorNeverRepeatsRawControlCharacters() {
        assertThatThrownBy(() -> new SnapshotName("a\u001b[31m\n"))
                .hasMessageContaining("\\u001b")
                .message()
                .doesNotContain("\u001b", "\n");
    }

    @Test
    void equalLookingNamesAreEqual() {
        assertThat(new SnapshotName("Gro\u0308ße")).isEqualTo(new SnapshotName("Größe"));
    }

    @Test
    void operationIdsAreCanonicalUuids() {
        OperationId id = OperationId.random();
        assertThat(OperationId.parse(id.toString())).isEqualTo(id);
        assertThatThrownBy(() -> OperationId.parse("1-2-3-4-5")).isInstanceOf(Problem.class);
        assertThatThrownBy(() -> OperationId.parse("../../etc")).isInstanceOf(Problem.class);
    }

    private static void assertRefused(String name, String why) {
        assertThatThrownBy(() -> new SnapshotName(name))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("snapshot name")
                .hasMessageContaining(why);
    }
}
