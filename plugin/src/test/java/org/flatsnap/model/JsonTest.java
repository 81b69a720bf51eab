package org.flatsnap.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class JsonTest {
    @Test
    void aSnapshotSurvivesTheRoundTrip() {
        Snapshot snapshot = Snapshots.sample("before-upgrade");

        assertThat(Json.COMPACT.fromJson(Json.COMPACT.toJson(snapshot), Snapshot.class))
                .isEqualTo(snapshot);
        assertThat(Json.PRETTY.fromJson(Json.PRETTY.toJson(snapshot), Snapshot.class))
                .isEqualTo(snapshot);
    }

    @Test
    void valuesAreTheirText() {
        String json = Json.COMPACT.toJson(Snapshots.sample("s1"));

        assertThat(json)
                .contains("\"name\":\"s1\"", "\"takenAt\":\"2026-11-22T08:16:37.123Z\"", "\"achieved\":\"filesystem\"")
                .doesNotContain("firmware");
    }

    @Test
    void labelsThatSayNothingAreLeftOutAndReadAsNothing() {
        Labels plain = new Labels(new Description("x"), Snapshots.tags("prod"), true);
        Labels full = plain.without(new TreeSet<>(Set.of(new DiskName("vm-100-disk-0"))))
                .underWay(true)
                .retired(Snapshots.NOON)
                .after(Optional.of(new SnapshotName("s0")));

        assertThat(Json.COMPACT.toJson(plain)).isEqualTo("{\"description\":\"x\",\"tags\":[\"prod\"],\"held\":true}");
        assertThat(Json.COMPACT.toJson(full))
                .contains("\"gone\":[\"vm-100-disk-0\"],\"underWay\":true,\"retired\":\"", "\"parent\":\"s0\"");
        for (Labels labels : List.of(plain, full)) {
            assertThat(Json.COMPACT.fromJson(Json.COMPACT.toJson(labels), Labels.class))
                    .isEqualTo(labels);
        }
    }

    @Test
    void aMissingOrBadFieldIsRefused() {
        String json = Json.COMPACT.toJson(Snapshots.sample("s1"));

        assertThatThrownBy(() -> Json.COMPACT.fromJson(json.replace("\"name\":\"s1\",", ""), Snapshot.class))
                .hasStackTraceContaining("name");
        assertThatThrownBy(() -> Json.COMPACT.fromJson(json.replace("\"s1\"", "\"../s1\""), Snapshot.class))
                .hasStackTraceContaining("contains '/'");
    }
}
