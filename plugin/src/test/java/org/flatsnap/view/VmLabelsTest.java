package org.flatsnap.view;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.model.Labels;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.Snapshots;
import org.flatsnap.model.VmId;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VmLabelsTest {
    private static final VmId ONE = new VmId("11111111-aaaa");
    private static final VmId OTHER = new VmId("22222222-bbbb");

    @TempDir
    private Path directory;

    private Catalog catalog;
    private VmLabels labels;

    @BeforeEach
    void open() {
        catalog = Catalog.open(directory.resolve("catalog.db"));
        labels = new VmLabels(catalog, catalog::vms, catalog::vm);
    }

    @AfterEach
    void close() {
        catalog.close();
    }

    @Test
    void labelsFollowVmsThatComeGoAndGetAnotherName() {
        Snapshot first = taken(ONE, "web", "s1", 0);
        Snapshot second = taken(OTHER, "web", "s1", 1);
        Snapshot renamed = taken(OTHER, ".db", "s2", 2);
        assertThat(present()).isEmpty();
        catalog.put(first);
        assertThat(present()).containsExactly("web");
        catalog.put(second);
        assertThat(present()).containsExactly("web~11111111", "web~22222222");
        assertThat(labels.find("web~22222222")).contains(OTHER);
        assertThat(labels.of(OTHER)).contains("web~22222222");
        catalog.put(renamed);
        assertThat(present()).containsExactly("_db", "web");
        assertThat(labels.find("web")).contains(ONE);
        catalog.remove(renamed.id());
        assertThat(present()).containsExactly("web~11111111", "web~22222222");
        catalog.remove(first.id());
        assertThat(present()).containsExactly("web");
        assertThat(labels.find("web")).contains(OTHER);
        catalog.replaceAll(List.of(first).iterator());
        assertThat(labels.find("web")).contains(ONE);
    }

    private Set<String> present() {
        Set<String> present = new TreeSet<>();
        labels.forEach((label, vm) -> present.add(label));
        return present;
    }

    private static Snapshot taken(VmId vm, String vmName, String name, int second) {
        return Snapshots.of(vm, vmName, name, Snapshots.NOON.plusSeconds(second), Labels.NONE);
    }
}
