package org.flatsnap.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
    void aMissingOrBadFieldIsRefused() {
        String json = Json.COMPACT.toJson(Snapshots.sample("s1"));

        assertThatThrownBy(() -> Json.COMPACT.fromJson(json.replace("\"name\":\"s1\",", ""), Snapshot.class))
                .hasStackTraceContaining("name");
        assertThatThrownBy(() -> Json.COMPACT.fromJson(json.replace("\"s1\"", "\"../s1\""), Snapshot.class))
                .hasStackTraceContaining("contains '/'");
    }
}
