package org.flatsnap.linux.zfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ZfsNameTest {
    @Test
    void namesAreTakenApartAndPutTogether() {
        SnapshotName name = (SnapshotName) ZfsName.parse("tank/vm 1/disk-0@flatsnap_01:a.b");

        assertThat(name.dataset())
                .isEqualTo(new DatasetName("tank").child("vm 1").child("disk-0"));
        assertThat(name.name()).isEqualTo("flatsnap_01:a.b");
        assertThat(name.pool()).isEqualTo("tank");
        assertThat(name.dataset().parent()).contains(new DatasetName("tank/vm 1"));
        assertThat(new DatasetName("tank").parent()).isEmpty();
        assertThat(name).hasToString("tank/vm 1/disk-0@flatsnap_01:a.b");
        assertThat(ZfsName.parse("tank/a")).isEqualTo(new DatasetName("tank/a"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                "tank/",
                "/tank",
                "tank//a",
                "tank/.",
                "tank/../a",
                "-o",
                "1tank",
                "tank/a%b",
                "tank/ä",
                "tank/a\n",
                "tank/a,b",
                "tank/a#b",
                "@s",
                "tank@",
                "tank@a/b",
                "tank@a@b",
                "tank@a,b",
                "tank@-%"
            })
    void whatZfsWouldRefuseIsNoName(String text) {
        assertThatThrownBy(() -> ZfsName.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theWholeNameMayHave255Characters() {
        DatasetName dataset = new DatasetName("tank/" + "a".repeat(240));

        assertThat(dataset.snapshot("s".repeat(9)).toString()).hasSize(255);
        assertThatThrownBy(() -> dataset.snapshot("s".repeat(10))).hasMessageContaining("256 characters");
        assertThatThrownBy(() -> dataset.child("a".repeat(10))).hasMessageContaining("256 characters");
    }

    @Test
    void aDeviceHasPlusSignsForBlanks() {
        assertThat(ZvolDevices.path(ZfsName.parse("tank/vm 1@s"))).hasToString("/dev/zvol/tank/vm+1@s");
    }
}
