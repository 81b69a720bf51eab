package org.flatsnap.view;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.VmEntry;
import org.flatsnap.model.VmId;

/**
 * The directory name of each VM: its display name, or {@code <name>~<short id>} where several VMs share one. A leading dot,
 * which would hide the directory, becomes an underscore.
 */
final class VmLabels {
    private final Catalog catalog;

    VmLabels(Catalog catalog) {
        this.catalog = catalog;
    }

    Optional<VmId> find(String label) {
        return Optional.ofNullable(present().get(label));
    }

    Optional<String> of(VmId vm) {
        return present().entrySet().stream()
                .filter(entry -> entry.getValue().equals(vm))
                .map(Map.Entry::getKey)
                .findFirst();
    }

    void forEach(BiConsumer<String, VmId> consumer) {
        present().forEach(consumer);
    }

    private Map<String, VmId> present() {
        List<VmEntry> entries = catalog.vms();
        Map<String, Long> bearers = entries.stream()
                .map(VmLabels::visible)
                .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
        Map<String, VmId> labels = new TreeMap<>();
        for (VmEntry entry : entries) {
            String name = visible(entry);
            String label =
                    bearers.get(name) == 1 ? name : name + "~" + entry.vm().shortForm();
            if (labels.putIfAbsent(label, entry.vm()) != null) {
                labels.put(name + "~" + entry.vm(), entry.vm());
            }
        }
        return labels;
    }

    private static String visible(VmEntry entry) {
        String name = entry.name().value();
        return name.startsWith(".") ? "_" + name.substring(1) : name;
    }
}
